import type {
  KernelOperation,
  KernelRoute,
  KernelRouteRequest,
} from "../../../domain/kernel/kernel-state.ts";
import { findAnyLink } from "../attachment/find-attachments.ts";
import { kernelRefused } from "../kernel-errors.ts";
import { deleteAddress, newAddress } from "../wire-format/address-messages.ts";
import { deleteLink, newVeth, setLink } from "../wire-format/link-messages.ts";
import type { NetlinkMessage } from "../wire-format/netlink-message.ts";
import { deleteRoute, newRoute } from "../wire-format/route-messages.ts";
import { deleteRule, newRule } from "../wire-format/rule-messages.ts";
import type { KeptNamespace, KeptNamespaces } from "./kept-namespaces.ts";

/** One message for one namespace, with the refusals that mean "already so". */
interface OperationRequest {
  readonly target: KeptNamespace;
  readonly message: NetlinkMessage;
  readonly tolerated: readonly string[];
}

/** In order; the first refusal ends it with KernelRefusal. */
export function applyOperations(
  kept: KeptNamespaces,
  target: KeptNamespace,
  operations: readonly KernelOperation[],
): void {
  for (const operation of operations)
    for (const request of operationRequests(kept, target, operation)) sendRequest(request, operation.op);
}

/** What has to be asked of the kernel as it is now; nothing when that which is to be removed is absent. */
function operationRequests(
  kept: KeptNamespaces,
  target: KeptNamespace,
  operation: KernelOperation,
): readonly OperationRequest[] {
  const ask = (message: NetlinkMessage, ...tolerated: string[]): readonly OperationRequest[] => [
    { target, message, tolerated },
  ];
  const indexOf = (link: string): number | undefined => findAnyLink(target.requests, link)?.index;
  switch (operation.op) {
    case "address.add":
      return ask(newAddress({ ...operation, linkIndex: presentIndex(operation, operation.link, indexOf) }));
    case "address.remove": {
      const linkIndex = indexOf(operation.link);
      if (linkIndex === undefined) return [];
      return ask(deleteAddress({ ...operation, linkIndex }), "EADDRNOTAVAIL", "ENODEV");
    }
    case "link.addVeth":
      return vethRequests(target, kept.get(operation.peerNamespace), operation);
    case "link.up":
      return ask(setLink({ name: operation.link }, { up: true }));
    case "link.remove":
      return ask(deleteLink({ name: operation.link }), "ENODEV");
    case "route.replace":
      return ask(newRoute(routeOf(operation, operation.route, indexOf), "replace"));
    case "route.remove": {
      const { link } = operation.route;
      // A route through a link that is gone is gone with it.
      if (link !== undefined && indexOf(link) === undefined) return [];
      return ask(deleteRoute(routeOf(operation, operation.route, indexOf)), "ESRCH", "ENODEV");
    }
    case "rule.add":
      return ask(newRule(operation.rule), "EEXIST");
    case "rule.remove":
      return ask(deleteRule(operation.rule), "ENOENT");
    default: {
      const unhandled: never = operation;
      return unhandled;
    }
  }
}

/** Keeps a pair that joins both namespaces; a link of that name without its other end there is replaced. */
function vethRequests(
  target: KeptNamespace,
  other: KeptNamespace,
  { link, peer, mtu }: Extract<KernelOperation, { op: "link.addVeth" }>,
): readonly OperationRequest[] {
  const here = findAnyLink(target.requests, link);
  const there = findAnyLink(other.requests, peer);
  const whole = here?.kind === "veth" && there?.kind === "veth";
  const obsolete = here !== undefined && !whole;
  const pair = newVeth({ name: link, mtu }, { name: peer, mtu, netnsFd: other.namespace.fd });
  const on = (
    namespace: KeptNamespace,
    message: NetlinkMessage,
    ...tolerated: string[]
  ): OperationRequest => ({
    target: namespace,
    message,
    tolerated,
  });
  return [
    ...(obsolete ? [on(target, deleteLink({ name: link }), "ENODEV")] : []),
    ...(whole ? [] : [on(target, pair)]),
    on(target, setLink({ name: link }, { up: true, mtu })),
    on(other, setLink({ name: peer }, { up: true, mtu })),
  ];
}

function routeOf(
  operation: KernelOperation,
  { link, ...route }: KernelRouteRequest,
  indexOf: (link: string) => number | undefined,
): KernelRoute {
  return link === undefined ? route : { ...route, linkIndex: presentIndex(operation, link, indexOf) };
}

function presentIndex(
  { op }: KernelOperation,
  link: string,
  indexOf: (link: string) => number | undefined,
): number {
  const index = indexOf(link);
  if (index !== undefined) return index;
  throw kernelRefused(op, { errno: "ENODEV", text: `no link "${link}"` });
}

function sendRequest({ target, message, tolerated }: OperationRequest, operation: string): void {
  const [refused] = target.requests.transact([message]);
  if (refused !== undefined && !tolerated.includes(refused.errno)) throw kernelRefused(operation, refused);
}
