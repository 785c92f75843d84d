import { containsPrefix, overlaps, type Prefix, parsePrefix } from "../addresses/prefix.ts";
import { coverTogether, type Member, meansMember, prefixesOf, readAddresses } from "./aliases.ts";
import type { HeadscalePolicy, PolicyRule, PortRange } from "./policy.ts";
import type { ApiServerPlace } from "./policy-needs.ts";

/** What pods send each other, beside SCTP, which tailscaled lets pass by no rule without a protocol (wgengine/filter, defaultProtos). */
export type Protocol = "tcp" | "udp" | "icmp" | "ipv6-icmp";

/** Protocols in which the policy does not let all of a supernet talk to all of it, on all ports. */
export function silentProtocols({ rules, ...named }: HeadscalePolicy, supernet: string): readonly Protocol[] {
  const pods = parsePrefix(supernet);
  const needed: readonly Protocol[] = ["tcp", "udp", pods.family === 4 ? "icmp" : "ipv6-icmp"];
  if (rules === undefined) return [];
  const holds = (aliases: readonly { readonly text: string }[]) =>
    coverTogether(
      aliases.flatMap(({ text }) => prefixesOf(text, named)),
      pods,
    );
  const wholly = (rule: PolicyRule, protocol: Protocol) =>
    holds(rule.sources) && holds(rule.targets.filter(({ ports }) => covers(ports, protocol, allPorts)));
  return needed.filter((protocol) => !rules.some((rule) => !rule.isPartial && wholly(rule, protocol)));
}

/** Whether it lets every node reach every node at its tailnet address. */
export function joinsNodes(policy: HeadscalePolicy, members: readonly Member[], port: number): boolean {
  const pairs = members.flatMap((from) => members.map((to) => ({ from, to })));
  return pairs.every(({ from, to }) =>
    someRule(policy, port, {
      isSource: (text) => meansMember(text, from, policy),
      isTarget: (text) => {
        if (text === "autogroup:self")
          return from === to && !from.names.some((name) => name.startsWith("tag:"));
        return meansMember(text, to, policy);
      },
    }),
  );
}

/** Whether it lets every node reach an API server that is none. */
export function leadsTo(policy: HeadscalePolicy, members: readonly Member[], place: ApiServerPlace): boolean {
  return members.every((from) =>
    someRule(policy, place.port, {
      isSource: (text) => meansMember(text, from, policy),
      isTarget: (text) => meansPlace(text, place, policy),
    }),
  );
}

/** Whether it lets an API server that is no node reach a port of every node. */
export function leadsFrom(
  policy: HeadscalePolicy,
  place: ApiServerPlace,
  members: readonly Member[],
  port: number,
): boolean {
  return members.every((to) =>
    someRule(policy, port, {
      isSource: (text) => meansPlace(text, place, policy),
      isTarget: (text) => meansMember(text, to, policy),
    }),
  );
}

function meansPlace(alias: string, { address, names }: ApiServerPlace, policy: HeadscalePolicy): boolean {
  const wanted = readAddresses(address);
  const holds =
    wanted !== undefined && prefixesOf(alias, policy).some((prefix) => containsPrefix(prefix, wanted));
  return holds || (names.length > 0 && meansMember(alias, { names }, policy));
}

function someRule(
  { rules }: HeadscalePolicy,
  port: number,
  { isSource, isTarget }: Record<"isSource" | "isTarget", (alias: string) => boolean>,
): boolean {
  if (rules === undefined) return true;
  return rules.some(
    ({ sources, targets, isPartial }) =>
      !isPartial &&
      sources.some(({ text }) => isSource(text)) &&
      targets.some(({ text, ports }) => isTarget(text) && covers(ports, "tcp", [port, port])),
  );
}

/** Whether routes in a prefix are approved for a member without anybody's doing. */
export function approves(policy: HeadscalePolicy, member: Member, prefix: string): boolean {
  const prefixes = policy.routes.flatMap(({ text, by }) =>
    by.some((approver) => meansMember(approver.text, member, policy)) ? (readAddresses(text) ?? []) : [],
  );
  return coverTogether(prefixes, parsePrefix(prefix));
}

/** Whether a member has an attribute. */
export function hasAttribute(policy: HeadscalePolicy, member: Member, attribute: string): boolean {
  return policy.nodeAttrs.some(
    ({ targets, attributes }) =>
      attributes.some(({ text }) => text === attribute) &&
      targets.some(({ text }) => meansMember(text, member, policy)),
  );
}

/** Whether some pod is among the addresses. */
export function touches(prefixes: readonly Prefix[], supernets: readonly Prefix[]): boolean {
  return prefixes.some((prefix) => supernets.some((pods) => overlaps(prefix, pods)));
}

/** Whether there is anything but pods. */
export function goesBeyond(prefixes: readonly Prefix[], supernets: readonly Prefix[]): boolean {
  return (
    prefixes.length === 0 ||
    prefixes.some((prefix) => !supernets.some((pods) => containsPrefix(pods, prefix)))
  );
}

/** No packet has port 0. */
const allPorts = [1, 65_535] as const;

function covers(
  ports: readonly PortRange[],
  protocol: Protocol,
  [first, last]: readonly [number, number],
): boolean {
  return ports.some(
    (range) =>
      (range.protocol === "*" || range.protocol === protocol) && range.first <= first && range.last >= last,
  );
}
