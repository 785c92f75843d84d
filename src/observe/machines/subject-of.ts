import type { CniRequest } from "../../protocol/cni-protocol.ts";

/** What a machine stands for, out of its first context: the attachment of a pod, the prefix of a route, a CNI call. */
export function subjectOf(machine: string, context: unknown): string {
  switch (machine) {
    case "pod":
      return (context as { readonly plan: { readonly key: string } }).plan.key;
    case "ownRoute":
    case "peerRoute":
      return (context as { readonly prefix: string }).prefix;
    case "approval":
      return (context as { readonly node: string }).node;
    case "watch":
      return (context as { readonly source: string }).source;
    case "request": {
      const { command, containerId, ifname } = (context as { readonly request: CniRequest }).request;
      return containerId === "" ? command : `${command} ${containerId}/${ifname}`;
    }
    default:
      return "";
  }
}
