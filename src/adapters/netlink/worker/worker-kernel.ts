import { type IndexSource, linkIndexes } from "../attachment/link-indexes.ts";
import type { Libc } from "../libc.ts";
import { type KeptNamespace, type KeptNamespaces, keptNamespaces } from "../namespaces/kept-namespaces.ts";
import { type Namespaces, threadNamespaces } from "../namespaces/namespaces.ts";
import { type Sysctls, sysctlsAt } from "../namespaces/sysctls.ts";
import { decodeLink, getLink } from "../wire-format/link-messages.ts";

/** What every operation of the worker thread works with. */
export interface WorkerKernel {
  readonly libc: Libc;
  readonly namespaces: Namespaces;
  readonly kept: KeptNamespaces;
  /** The namespace the thread stands in. */
  readonly node: KeptNamespace;
  readonly indexes: IndexSource;
  readonly sysctls: Sysctls;
  /** False on a kernel that was started without IPv6. */
  readonly hasIpv6: boolean;
}

/** To be called in the thread that does the work. `sysctlRoot` as in `sysctlsAt`. */
export function openWorkerKernel(libc: Libc, sysctlRoot: string): WorkerKernel {
  const namespaces = threadNamespaces(libc);
  const kept = keptNamespaces(libc, namespaces);
  const node = kept.get("node");
  const present = node.requests.query(getLink()).map((payload) => decodeLink(payload).index);
  const sysctls = sysctlsAt(sysctlRoot);
  const hasIpv6 = sysctls.has("net/ipv6/conf");
  return { libc, namespaces, kept, node, indexes: linkIndexes(present), sysctls, hasIpv6 };
}
