import { hostPrefix, overlaps, parsePrefix, routerAddress } from "../../../domain/addresses/prefix.ts";
import { wireGuardOverhead } from "../../../domain/guard/desired-state.ts";
import {
  attachmentLinkGroup,
  hostRulePriority,
  leavingLinkGroup,
  routeProtocol,
  rulePriority,
  tailnetLink,
} from "../../../domain/kernel/kernel-constants.ts";
import type { KernelRule, KernelSnapshot } from "../../../domain/kernel/kernel-state.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type Check, type Checks, fail, listed, type Outcome, ok, skipped, warn } from "./finding.ts";

const localTable = 255;
const tailnetRange = "100.64.0.0/10";

/** Pod, Service and tailnet addresses against what the node already uses; MTU; other software's rules. */
export const addressChecks: Checks = {
  "addresses.podCIDR"(facts, settings) {
    const { snapshot } = facts.node;
    const { supernets } = settings;
    if ("unknown" in snapshot) return skipped(snapshot.unknown);
    const clashes = overlapping(snapshot.value, supernets, besideOwner(facts, settings));
    if (supernets.length === 0) return skipped("network.podCIDR is not given");
    if (clashes.length === 0) return ok(`nothing on this node uses ${supernets.join(" or ")}`);
    return fail({
      found: `${supernets.join(" or ")} overlaps ${listed(clashes)}`,
      why: "HeadCNI sends the whole pod CIDR into the tailnet, so the node would lose its present routes there.",
      todo: "Choose a network.podCIDR that nothing else uses; if the route is another CNI's, remove that CNI first.",
    });
  },

  "addresses.serviceCIDR": onNode((snapshot, { services: configured, kubernetes }, facts) => {
    const objects = facts.kubernetes?.serviceCidrs ?? { value: [] };
    const services = [...new Set([...configured, ...("value" in objects ? objects.value : [])])];
    const clashes = overlapping(snapshot, services);
    if (clashes.length === 0) return ok(`nothing on this node uses ${services.join(" or ")}`);
    const problem = {
      found: `${services.join(" or ")} overlaps ${listed(clashes)}`,
      why: "What goes to an unused Service address is refused, by kube-proxy and by HeadCNI, so hosts with these addresses become unreachable.",
      todo: "Set network.serviceCIDR to what the API server has (--service-cluster-ip-range); that and the cluster's ServiceCIDR objects must avoid the LAN.",
    };
    return kubernetes ? fail(problem) : warn(problem);
  }),

  "addresses.tailnet": onNode((snapshot, settings, facts) => {
    // A tailscaled of the node's own lives in another namespace than ours and does not mind.
    const clashes = overlapping(snapshot, [tailnetRange], besideOwner(facts, settings)).filter(
      (by) => !/ (of|through) (tailscale|ts)\d*$/.test(by),
    );
    if (clashes.length === 0) return ok(`no network of this node lies in ${tailnetRange}`);
    return warn({
      found: `${tailnetRange}, from which tailnet nodes get addresses, overlaps ${listed(clashes)}`,
      why: "tailscaled cannot reach a host of the underlay that has the same address as a tailnet node.",
      todo: "Let Headscale give addresses from a part of 100.64.0.0/10 that is not used here (prefixes.v4).",
    });
  }),

  "addresses.link": onNode((snapshot, { linkPrefixes, ownerSocket }) => {
    if (ownerSocket !== "") return undefined;
    const clashes = overlapping(snapshot, linkPrefixes);
    const prefixes = linkPrefixes.join(" or ");
    if (clashes.length === 0) return ok(`nothing on this node uses ${prefixes}`);
    return fail({
      found: `${prefixes} overlaps ${listed(clashes)}`,
      why: "The veth between the node and the tailnet namespace takes these addresses.",
      todo: "Set tailscale.linkCIDR to prefixes that nothing else uses: a /30, and a /126 of IPv6.",
    });
  }),

  "addresses.mtu": onNode(({ links, routes }, { mtu }) => {
    const uplinks = links.filter(
      ({ index, name }) =>
        name !== tailnetLink.node &&
        routes.some(
          ({ linkIndex, destination, table }) =>
            linkIndex === index && table === 254 && destination.endsWith("/0"),
        ),
    );
    if (uplinks.length === 0) return skipped("the node has no default route to measure by");
    const needed = mtu + wireGuardOverhead;
    const narrow = uplinks.filter((link) => link.mtu < needed);
    if (narrow.length === 0)
      return ok(
        `${uplinks.map((link) => `${link.name} ${link.mtu}`).join(", ")}; pods' ${mtu} needs ${needed}`,
      );
    return warn({
      found: `${narrow.map((link) => `${link.name} has an MTU of ${link.mtu}`).join(", ")}; full packets of pods need ${needed}`,
      why: "Each full packet of a pod is fragmented on its path; where fragments are dropped, large transfers hang.",
      todo: `Raise the MTU of the uplink, or set network.mtu to ${Math.min(...narrow.map((link) => link.mtu)) - wireGuardOverhead} or less on all nodes.`,
    });
  }),

  /** Rules that a packet for a pod meets before ours. Marks do not cross into the tailnet namespace. */
  "addresses.rules": onNode(({ rules }, { supernets, ownerSocket }) => {
    const last = ownerSocket === "" ? rulePriority.supernetToTailnet : hostRulePriority.supernetUnreachable;
    const earlier = rules.filter(
      ({ priority, protocol, table }) =>
        priority > 0 && priority < last && protocol !== routeProtocol && table !== localTable,
    );
    const pods = supernets.map(parsePrefix);
    const takesPods = ({ destination }: KernelRule) =>
      destination === undefined || pods.some((pod) => overlaps(pod, parsePrefix(destination)));
    const taking = earlier.filter(
      (rule) => rule.mark === undefined && rule.source === undefined && takesPods(rule),
    );
    const described = (rule: KernelRule) =>
      `priority ${rule.priority} to table ${rule.table}${rule.mark === undefined ? "" : ` for mark 0x${rule.mark.toString(16)}`}`;
    if (taking.length > 0)
      return warn({
        found: `other software's rules come before ours for every packet: ${listed(taking.map(described))}`,
        why: "A route in such a table decides about packets for pods before HeadCNI's rules do.",
        todo: `Give those rules a priority above ${last}, or make sure their tables hold no route for pods.`,
      });
    if (earlier.length === 0) return ok("no rules of other software before ours");
    return ok(`only marked or narrower rules before ours: ${listed(earlier.map(described))}`);
  }),
};

/** A check of what the kernel has; none where that could not be read, which the first of them says. */
function onNode(
  check: (snapshot: KernelSnapshot, settings: DoctorSettings, facts: DoctorFacts) => Outcome | undefined,
): Check {
  return (facts, settings) => {
    const { snapshot } = facts.node;
    return "unknown" in snapshot ? undefined : check(snapshot.value, settings, facts);
  };
}

/** What is as it should be where the owner's tailscaled carries the pods: its interface, and our router addresses on lo. */
interface Expected {
  readonly tunnel: string | undefined;
  readonly routers: readonly string[];
}

const nothingExpected: Expected = { tunnel: undefined, routers: [] };

function besideOwner({ owner }: DoctorFacts, { ownPrefixes }: DoctorSettings): Expected {
  if (owner === undefined) return nothingExpected;
  const terms = "value" in owner ? owner.value.facts.terms : null;
  return {
    tunnel: terms?.tunnel.name,
    routers: ownPrefixes.map((prefix) => routerAddress(parsePrefix(prefix))),
  };
}

interface UsedPrefix {
  readonly prefix: string;
  /** "address of eth0", "route through eth0". */
  readonly by: string;
}

/** What the node's links and routes use, without ours and without default routes. */
function usedPrefixes(
  { links, addresses, routes }: KernelSnapshot,
  { tunnel, routers }: Expected,
): readonly UsedPrefix[] {
  const nameOf = (index: number | undefined) => links.find((link) => link.index === index)?.name;
  const ours = new Set(
    links
      .filter(
        ({ name, group }) =>
          name === tailnetLink.node ||
          name === tunnel ||
          group === attachmentLinkGroup ||
          group === leavingLinkGroup,
      )
      .map(({ index }) => index),
  );
  const fromAddresses = addresses
    .filter(({ linkIndex, address }) => !ours.has(linkIndex) && !/^(127\.|fe80:|::1$)/.test(address))
    .filter(({ address }) => !routers.includes(address))
    .map(({ address, linkIndex }) => ({
      prefix: hostPrefix(address),
      by: `the address ${address} of ${nameOf(linkIndex) ?? "a link"}`,
    }));
  const fromRoutes = routes
    .filter(
      ({ table, protocol, linkIndex, destination, type }) =>
        table !== localTable &&
        protocol !== routeProtocol &&
        type !== "multicast" &&
        type !== "throw" &&
        !(linkIndex !== undefined && ours.has(linkIndex)) &&
        !destination.endsWith("/0") &&
        !/^(127\.|fe80:|ff00:|::1\/)/.test(destination),
    )
    .map(({ destination, linkIndex }) => ({
      prefix: destination,
      by: `the route ${destination}${linkIndex === undefined ? "" : ` through ${nameOf(linkIndex) ?? "a link"}`}`,
    }));
  return [...fromAddresses, ...fromRoutes];
}

/** By what the node uses of the wanted prefixes. */
function overlapping(
  snapshot: KernelSnapshot,
  wanted: readonly string[],
  expected = nothingExpected,
): readonly string[] {
  const prefixes = wanted.map(parsePrefix);
  const found = usedPrefixes(snapshot, expected).filter(({ prefix }) =>
    prefixes.some((one) => overlaps(one, parsePrefix(prefix))),
  );
  return [...new Set(found.map(({ by }) => by))];
}
