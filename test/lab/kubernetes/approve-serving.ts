import type { Lab, LabNode } from "../lab-types.ts";
import { run } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";
import { getJson, kubectl } from "./kubectl.ts";

type SigningRequest = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string; readonly username: string; readonly request: string };
  readonly status: { readonly conditions?: readonly unknown[] };
};

/**
 * Approves the serving certificate that each kubelet asks for with the tailnet address of its node in it, as an operator does who compared
 * the names: Kubernetes itself approves none for servers.
 */
export async function approveServing(lab: Lab): Promise<void> {
  for (const node of lab.nodes) {
    const found = async () => (await Promise.all((await open(lab, node)).map((one) => names(one)))).flat();
    await waitUntil(async () => (await found()).length > 0, {
      what: `${node.name}'s kubelet asks for a certificate for ${node.routerAddress}`,
      timeoutMs: 60_000,
      everyMs: 500,
      explain: () => kubectl(lab, ["get", "csr", "-o", "wide"]),
    });
    await kubectl(lab, ["certificate", "approve", ...(await found())]);
  }

  /** Its name, if it is for that address. */
  async function names({ metadata: { name }, spec: { request } }: SigningRequest) {
    const input = Buffer.from(request, "base64").toString();
    const text = await run(["openssl", "req", "-noout", "-text"], { input });
    return lab.nodes.some(({ routerAddress }) => text.includes(`IP Address:${routerAddress}`)) ? [name] : [];
  }
}

async function open(lab: Lab, node: LabNode): Promise<readonly SigningRequest[]> {
  const { items } = await getJson<{ readonly items: readonly SigningRequest[] }>(lab, ["csr"]);
  return items.filter(
    ({ spec, status }) =>
      spec.signerName === "kubernetes.io/kubelet-serving" &&
      spec.username === `system:node:${node.name}` &&
      (status.conditions ?? []).length === 0,
  );
}
