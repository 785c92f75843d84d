import type { AttachmentPlan } from "../../../domain/attachment/attachment.ts";
import { planAlias } from "../../../domain/attachment/link-alias.ts";
import {
  attachmentLinkGroup,
  mainTable,
  podDefaultMetricBase,
  podGateway,
  podRouteMetric,
  podSourceTableBase,
  routeProtocol,
} from "../../../domain/kernel/kernel-constants.ts";
import type { KernelRoute, KernelRule } from "../../../domain/kernel/kernel-state.ts";
import type { Step } from "../steps.ts";
import { newAddress } from "../wire-format/address-messages.ts";
import { familyOf } from "../wire-format/attribute-values.ts";
import { getLink, newVeth, setLink } from "../wire-format/link-messages.ts";
import { permanentNeighbour } from "../wire-format/neighbour-messages.ts";
import { newRoute } from "../wire-format/route-messages.ts";
import { deleteRule, newRule } from "../wire-format/rule-messages.ts";

/** Indexes of both ends, chosen by us so that one batch can speak of links it has only just made. */
export interface LinkIndexes {
  readonly host: number;
  readonly pod: number;
}

const loopbackIndex = 1;

/** The host's route to one pod address; in `recover` and CHECK it is compared with what the kernel has. */
export function hostRoute(
  address: string,
  linkIndex: number,
  routerAddresses: readonly string[],
): KernelRoute {
  const family = familyOf(address);
  const preferredSource = routerAddresses.find((router) => familyOf(router) === family);
  return {
    family,
    type: "unicast",
    destination: hostPrefix(address),
    table: mainTable,
    metric: podRouteMetric,
    protocol: routeProtocol,
    linkIndex,
    ...(preferredSource === undefined ? {} : { preferredSource }),
    scope: family === 4 ? "link" : "universe",
  };
}

/** One `send` on the host: a crash can only come before or after all of it. */
export function hostSteps(
  hasIpv6: boolean,
  plan: AttachmentPlan,
  indexes: LinkIndexes,
  netns: { readonly fd: number; readonly inode: string },
): readonly Step[] {
  const host = { index: indexes.host };
  const hostEnd = {
    ...host,
    name: plan.hostLink,
    mac: plan.hostMac,
    mtu: plan.mtu,
    group: attachmentLinkGroup,
  };
  const podEnd = {
    index: indexes.pod,
    name: plan.ifname,
    mac: plan.podMac,
    mtu: plan.mtu,
    netnsFd: netns.fd,
  };
  const alias = planAlias(plan, "pending", netns.inode);
  return [
    { operation: "link.add", message: newVeth(hostEnd, podEnd) },
    { operation: "link.alias", message: setLink(host, hasIpv6 ? { alias, noLinkLocal: true } : { alias }) },
    { operation: "link.up", message: setLink(host, { up: true }) },
    ...plan.addresses.flatMap((address) => [
      hostRouteStep(address, indexes.host, plan, "exclusive"),
      hostNeighbourStep(address, indexes.host, plan),
    ]),
  ];
}

export const hostRouteOperation = "hostRoute.add";

/** "exclusive" refuses an address that another attachment holds. */
export function hostRouteStep(
  address: string,
  linkIndex: number,
  plan: AttachmentPlan,
  mode: "exclusive" | "replace",
): Step {
  const message = newRoute(hostRoute(address, linkIndex, plan.routerAddresses), mode);
  return { operation: hostRouteOperation, address, message };
}

/** Spares the host the question who has the address. */
export function hostNeighbourStep(address: string, linkIndex: number, plan: AttachmentPlan): Step {
  return {
    operation: "hostNeighbour.add",
    address,
    message: permanentNeighbour({ linkIndex, address, mac: plan.podMac }),
  };
}

/** One `send` in the pod's namespace; every step may be repeated. */
export function podSteps(plan: AttachmentPlan, linkIndex: number): readonly Step[] {
  return [
    { operation: "pod.loopback.up", message: setLink({ index: loopbackIndex }, { up: true }) },
    { operation: "pod.link.up", message: setLink({ index: linkIndex }, { up: true }) },
    ...plan.addresses.flatMap((address) => podAddressSteps(address, linkIndex, plan)),
  ];
}

/** The last `send`: from here on the attachment survives a restart. */
export function commitSteps(plan: AttachmentPlan, linkIndex: number, netnsInode: string): readonly Step[] {
  const alias = planAlias(plan, "ready", netnsInode);
  return [
    carrierStep(linkIndex),
    { operation: "link.commit", message: setLink({ index: linkIndex }, { alias }) },
  ];
}

/**
 * An end that came up before its peer drops what it should send until the kernel's link watch has run, some time later. Asking
 * for the link makes it run now (rtnl_getlink in net/core/rtnetlink.c, since Linux 6.8), or the first packets would be lost.
 */
function carrierStep(linkIndex: number): Step {
  return { operation: "link.get", message: getLink({ index: linkIndex }) };
}

export const podAddressOperation = "pod.address.add";

function podAddressSteps(address: string, linkIndex: number, plan: AttachmentPlan): readonly Step[] {
  const family = familyOf(address);
  const routes = podRoutes(address, linkIndex, plan.order);
  const rule = podRule(address, plan.order);
  return [
    {
      operation: podAddressOperation,
      message: newAddress({ linkIndex, address, prefixLength: family === 4 ? 32 : 128 }),
    },
    {
      operation: "pod.neighbour.add",
      message: permanentNeighbour({ linkIndex, address: podGateway[family], mac: plan.hostMac }),
    },
    ...routes.map((route) => ({ operation: "pod.route.add", message: newRoute(route, "replace") })),
    ...(rule === undefined ? [] : ruleSteps(rule)),
  ];
}

/** The default route in main and, for a further interface, in its own table too. */
export function podRoutes(address: string, linkIndex: number, order: number): readonly KernelRoute[] {
  const family = familyOf(address);
  const route: KernelRoute = {
    family,
    type: "unicast",
    destination: family === 4 ? "0.0.0.0/0" : "::/0",
    table: mainTable,
    metric: podDefaultMetricBase[family] + order,
    protocol: routeProtocol,
    linkIndex,
    gateway: podGateway[family],
    onlink: true,
    scope: "universe",
  };
  return order === 0 ? [route] : [route, { ...route, table: podSourceTableBase + order }];
}

/** What leaves from a further interface's address leaves through that interface. */
export function podRule(address: string, order: number): KernelRule | undefined {
  if (order === 0) return undefined;
  return {
    family: familyOf(address),
    priority: podSourceTableBase + order,
    table: podSourceTableBase + order,
    source: hostPrefix(address),
    protocol: routeProtocol,
  };
}

export function hostPrefix(address: string): string {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}

/** A rule outlives its interface: one that an earlier attachment of this order left in the pod goes first. */
function ruleSteps(rule: KernelRule): readonly Step[] {
  const { source: _source, ...anySource } = rule;
  return [
    { operation: "pod.rule.remove", message: deleteRule(anySource), tolerated: ["ENOENT"] },
    { operation: "pod.rule.add", message: newRule(rule), tolerated: ["EEXIST"] },
  ];
}
