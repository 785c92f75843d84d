import type { AttachmentPlan, Mismatch } from "../../../domain/attachment/attachment.ts";
import { parseLinkAlias } from "../../../domain/attachment/link-alias.ts";
import { attachmentLinkGroup, podGateway, routeProtocol } from "../../../domain/kernel/kernel-constants.ts";
import type {
  KernelLink,
  KernelRoute,
  KernelRule,
  KernelSnapshot,
} from "../../../domain/kernel/kernel-state.ts";
import { observe, observeNeighbours } from "../namespaces/observe.ts";
import type { NetlinkSocket } from "../netlink-socket.ts";
import { familyOf } from "../wire-format/attribute-values.ts";
import type { Neighbour } from "../wire-format/neighbour-messages.ts";
import { decodeRoute, dumpRoutes } from "../wire-format/route-messages.ts";
import type { WorkerKernel } from "../worker/worker-kernel.ts";
import { openPodNamespace, withPodSocket } from "./attach.ts";
import { hostPrefix, hostRoute, podRoutes, podRule } from "./attachment-steps.ts";
import { findAnyLink } from "./find-attachments.ts";

/** What differs between the plan and the kernel. Throws KernelRefusal NETNS_MISSING or NETNS_INVALID. */
export function check(kernel: WorkerKernel, plan: AttachmentPlan): readonly Mismatch[] {
  const netns = openPodNamespace(kernel, plan.netns);
  try {
    return withPodSocket(kernel, netns, (socket) => [
      ...hostMismatches(kernel.node.requests, plan),
      ...podMismatches(socket, plan),
    ]);
  } finally {
    kernel.namespaces.close(netns);
  }
}

function hostMismatches(socket: NetlinkSocket, plan: AttachmentPlan): readonly Mismatch[] {
  const link = findAnyLink(socket, plan.hostLink);
  if (link === undefined) return [mismatch("link", plan.hostLink, "absent")];
  const routes = socket.query(dumpRoutes(routeProtocol)).flatMap((payload) => decodeRoute(payload) ?? []);
  const neighbours = observeNeighbours(socket);
  const state = parseLinkAlias(link.alias)?.state ?? "unreadable";
  return [
    ...linkMismatches(link, { name: plan.hostLink, mac: plan.hostMac, mtu: plan.mtu }),
    ...differing(
      "link",
      `${plan.hostLink} in group ${attachmentLinkGroup}`,
      `${plan.hostLink} in group ${link.group}`,
    ),
    ...differing("link", `${plan.hostLink} ready`, `${plan.hostLink} ${state}`),
    ...plan.addresses.flatMap((address) => [
      ...routeMismatch("hostRoute", hostRoute(address, link.index, plan.routerAddresses), routes),
      ...neighbourMismatch(neighbours, { linkIndex: link.index, address, mac: plan.podMac }),
    ]),
  ];
}

function podMismatches(socket: NetlinkSocket, plan: AttachmentPlan): readonly Mismatch[] {
  const snapshot = observe(socket);
  const link = snapshot.links.find(({ name }) => name === plan.ifname);
  if (link === undefined) return [mismatch("link", plan.ifname, "absent")];
  const neighbours = observeNeighbours(socket);
  return [
    ...linkMismatches(link, { name: plan.ifname, mac: plan.podMac, mtu: plan.mtu }),
    ...plan.addresses.flatMap((address) => [
      ...addressMismatch(snapshot, link, address),
      ...podRoutes(address, link.index, plan.order).flatMap((route) =>
        routeMismatch("route", route, snapshot.routes),
      ),
      ...ruleMismatch(snapshot.rules, podRule(address, plan.order)),
      ...neighbourMismatch(neighbours, {
        linkIndex: link.index,
        address: podGateway[familyOf(address)],
        mac: plan.hostMac,
      }),
    ]),
  ];
}

function linkMismatches(
  link: KernelLink,
  expected: { readonly name: string; readonly mac: string; readonly mtu: number },
): readonly Mismatch[] {
  return [
    ...differing("link", `${expected.name} up`, `${link.name} ${link.up ? "up" : "down"}`),
    ...differing("link", `${expected.name} ${expected.mac}`, `${link.name} ${link.mac}`),
    ...differing("mtu", `${expected.name} ${expected.mtu}`, `${link.name} ${link.mtu}`),
  ];
}

function addressMismatch(snapshot: KernelSnapshot, link: KernelLink, address: string): readonly Mismatch[] {
  const wanted = hostPrefix(address);
  const found = snapshot.addresses
    .filter(
      ({ linkIndex, address: other }) => linkIndex === link.index && familyOf(other) === familyOf(address),
    )
    .map((entry) => `${entry.address}/${entry.prefixLength}`);
  return found.includes(wanted) ? [] : [mismatch("address", wanted, found.join(", ") || "absent")];
}

/** Same destination and table, but another way, counts as found so that the difference can be read. */
function routeMismatch(
  what: string,
  wanted: KernelRoute,
  routes: readonly KernelRoute[],
): readonly Mismatch[] {
  const candidates = routes.filter(
    ({ destination, table, metric }) =>
      destination === wanted.destination && table === wanted.table && metric === wanted.metric,
  );
  const texts = candidates.map(routeText);
  const text = routeText(wanted);
  return texts.includes(text) ? [] : [mismatch(what, text, texts.join(", ") || "absent")];
}

function ruleMismatch(rules: readonly KernelRule[], wanted: KernelRule | undefined): readonly Mismatch[] {
  if (wanted === undefined) return [];
  const found = rules.filter((rule) => rule.priority === wanted.priority && rule.family === wanted.family);
  const texts = found.map(ruleText);
  const text = ruleText(wanted);
  return texts.includes(text) ? [] : [mismatch("rule", text, texts.join(", ") || "absent")];
}

function neighbourMismatch(
  neighbours: readonly Neighbour[],
  wanted: Omit<Neighbour, "permanent">,
): readonly Mismatch[] {
  const found = neighbours.find(
    ({ linkIndex, address }) => linkIndex === wanted.linkIndex && address === wanted.address,
  );
  const text = `${wanted.address} is ${wanted.mac}, permanent`;
  if (found === undefined) return [mismatch("neighbour", text, "absent")];
  return differing(
    "neighbour",
    text,
    `${found.address} is ${found.mac}${found.permanent ? ", permanent" : ""}`,
  );
}

function routeText(route: KernelRoute): string {
  const gateway = route.gateway === undefined ? "" : ` via ${route.gateway}`;
  const source = route.preferredSource === undefined ? "" : ` src ${route.preferredSource}`;
  const where = `table ${route.table} metric ${route.metric}`;
  return `${route.type} ${route.destination}${gateway} link ${route.linkIndex ?? "none"}${source} ${where}`;
}

function ruleText(rule: KernelRule): string {
  return `from ${rule.source ?? "all"} lookup ${rule.table} priority ${rule.priority}`;
}

function differing(what: string, expected: string, found: string): readonly Mismatch[] {
  return expected === found ? [] : [mismatch(what, expected, found)];
}

function mismatch(what: string, expected: string, found: string): Mismatch {
  return { what, expected, found };
}
