import type { OwnNode } from "../../domain/kubernetes/kubernetes-objects.ts";
import { withoutRouterAddresses } from "../../domain/kubernetes/node-address.ts";
import type { Kubernetes } from "../../ports/kubernetes.ts";

/** Gives this node's Node the addresses back that its daemon replaced; false where there is nothing to give back. */
export async function restoreAddresses(
  kubernetes: Pick<Kubernetes, "follow" | "writeAddresses">,
  supernets: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const addressing = (await readOwnNode(kubernetes, signal))?.addressing;
  if (addressing === undefined || addressing.replaced === null) return false;
  await kubernetes.writeAddresses(addressing, withoutRouterAddresses(addressing, supernets), signal);
  return true;
}

/** As a watch begins: it is what the daemon may do. */
async function readOwnNode(
  kubernetes: Pick<Kubernetes, "follow">,
  signal: AbortSignal,
): Promise<OwnNode | undefined> {
  const known = new AbortController();
  let own: OwnNode | undefined;
  const hear: Parameters<Kubernetes["follow"]>[2] = (news) => {
    if (news.type !== "watch.listed" || news.source !== "ownNode") return;
    own = news.items[0];
    known.abort();
  };
  await kubernetes
    .follow("ownNode", "", hear, AbortSignal.any([signal, known.signal]))
    .catch((error: unknown) => {
      if (!known.signal.aborted) throw error;
    });
  return own;
}
