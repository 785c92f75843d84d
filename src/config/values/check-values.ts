import {
  containsPrefix,
  formatPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
} from "../../domain/addresses/prefix.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { checkHostMode, isHostMode } from "../check-host-mode.ts";
import { showValue } from "../config-error.ts";
import { problemAt, type ValueView } from "./value-view.ts";

/** What no key can see alone: prefixes against each other, credentials against the way of approval, modes to come. */
export function checkValues(view: ValueView): readonly ConfigProblem[] {
  return [
    ...checkPrefixes(view),
    ...checkMtu(view),
    ...checkHostMode(view),
    ...checkCluster(view),
    ...checkFolders(view),
  ];
}

/** Addresses that other things on the node use; a pod there would be unreachable or hide them. */
const reservedPrefixes: readonly (readonly [string, string])[] = [
  ["100.64.0.0/10", "Tailscale's addresses"],
  ["fd7a:115c:a1e0::/48", "Tailscale's addresses"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local addresses and the pods' gateway"],
  ["fe80::/10", "link-local addresses and the pods' gateway"],
  ["224.0.0.0/3", "multicast and reserved addresses"],
  ["ff00::/8", "multicast addresses"],
];

const uniqueLocal = parsePrefix("fc00::/7");

interface PlacedPrefix {
  readonly path: string;
  readonly prefix: Prefix;
}

function checkPrefixes(view: ValueView): readonly ConfigProblem[] {
  const pods = placed(view, "network.podCIDR");
  const services = placed(view, "network.serviceCIDR");
  // Beside the node's own tailscaled there is no such link, and no key to move it out of the way with.
  const link = isHostMode(view) ? [] : placed(view, "tailscale.linkCIDR");
  const problems: ConfigProblem[] = [];
  const report = ({ path, prefix }: PlacedPrefix, found: string, wanted: string) =>
    problems.push(problemAt(view, path, `${formatPrefix(prefix)}${found}`, wanted));

  for (const one of [...pods, ...services, ...link])
    for (const [reserved, what] of reservedPrefixes)
      if (overlaps(one.prefix, parsePrefix(reserved)))
        report(one, `, which overlaps ${reserved} (${what})`, "must be outside of it");
  for (const [one, others] of [
    ...pods.map((pod) => [pod, [...services, ...link]] as const),
    ...services.map((service) => [service, link] as const),
  ])
    for (const other of others)
      if (overlaps(one.prefix, other.prefix))
        report(one, `, which overlaps ${other.path} ${formatPrefix(other.prefix)}`, "must not overlap it");
  return [
    ...problems,
    ...checkLink(view, link),
    ...checkSenders(view, pods),
    ...checkNodePrefixes(view, pods),
  ];
}

function checkLink(view: ValueView, link: readonly PlacedPrefix[]): readonly ConfigProblem[] {
  const problem = (found: string, wanted: string) => problemAt(view, "tailscale.linkCIDR", found, wanted);
  const problems = link.flatMap(({ prefix }) => {
    const found = formatPrefix(prefix);
    if (prefix.length > (prefix.family === 4 ? 30 : 126))
      return [
        problem(found, "must be of length 30 or less (IPv4), 126 or less (IPv6): it holds two addresses"),
      ];
    // tailscaled announces every other address to its peers as its own (tailscale net/netmon/state.go, LocalAddresses).
    return prefix.family === 4 || containsPrefix(uniqueLocal, prefix)
      ? []
      : [problem(found, "must lie inside fc00::/7, where tailscaled expects addresses that are translated")];
  });
  const [first] = link;
  if (first === undefined || link.some(({ prefix }) => prefix.family === 4)) return problems;
  return [...problems, problem(`${formatPrefix(first.prefix)} alone`, "must have an IPv4 prefix beside it")];
}

function checkSenders(view: ValueView, pods: readonly PlacedPrefix[]): readonly ConfigProblem[] {
  const path = "network.allowFromUnderlay";
  return placed(view, path).flatMap(({ prefix }) => {
    const pod = pods.find((one) => containsPrefix(one.prefix, prefix));
    if (pod === undefined) return [];
    const found = `${formatPrefix(prefix)}, which lies inside network.podCIDR ${shown(pod)}`;
    return [problemAt(view, path, found, "must be outside of it: no other host sends as a pod")];
  });
}

function checkNodePrefixes(view: ValueView, pods: readonly PlacedPrefix[]): readonly ConfigProblem[] {
  const path = "network.nodePodCIDR";
  const nodes = placed(view, path);
  const problem = (found: string, wanted: string) => problemAt(view, path, found, wanted);
  if (nodes.length === 0 && view.sourceOf(path) === "default" && view.get("kubernetes.enabled") !== true)
    return [
      problem(
        "nothing",
        "must be a prefix such as 10.244.0.0/16 inside network.podCIDR, unless kubernetes.enabled",
      ),
    ];
  if (pods.length === 0 || nodes.length === 0) return [];
  const problems: ConfigProblem[] = [];
  for (const { prefix } of nodes) {
    const found = formatPrefix(prefix);
    const supernet = pods.find((pod) => pod.prefix.family === prefix.family)?.prefix;
    // Base, router address, broadcast, and one address for a pod.
    const longest = prefix.family === 4 ? 30 : 126;
    if (supernet === undefined || !containsPrefix(supernet, prefix))
      problems.push(problem(found, `must lie inside network.podCIDR ${pods.map(shown).join(" or ")}`));
    else if (prefix.length > longest)
      problems.push(problem(found, `must be /${longest} or larger: the router address and at least one pod`));
  }
  for (const { prefix } of pods.filter((pod) =>
    nodes.every((node) => node.prefix.family !== pod.prefix.family),
  ))
    problems.push(
      problem(
        `no IPv${prefix.family} prefix`,
        `must hold a part of ${formatPrefix(prefix)}, as network.podCIDR has both families`,
      ),
    );
  return problems;
}

/** RFC 8200 section 5: an IPv6 link carries at least 1280 bytes. tailscaled has the MTU of the pods, whoever sets it. */
function checkMtu(view: ValueView): readonly ConfigProblem[] {
  const mtu = view.get("network.mtu");
  if (typeof mtu !== "number") return [];
  const problems: ConfigProblem[] = [];
  const hasIpv6 = placed(view, "network.podCIDR").some(({ prefix }) => prefix.family === 6);
  if (mtu < 1280 && hasIpv6)
    problems.push(problemAt(view, "network.mtu", String(mtu), "must be at least 1280 with IPv6 pods"));
  const path = "tailscale.environment";
  const { TS_DEBUG_MTU: own } = (view.get(path) ?? {}) as Readonly<Record<string, string>>;
  if (own !== undefined && own !== String(mtu))
    problems.push(
      problemAt(view, path, `TS_DEBUG_MTU "${own}"`, `must leave it out: network.mtu, here ${mtu}, sets it`),
    );
  return problems;
}

/** What is nothing without a cluster. */
const clusterKeys: readonly (readonly [string, string])[] = [
  ["kubernetes.publishNodeAddress", "there is no Node to say it"],
  ["kubernetes.networkPolicy", "there is no NetworkPolicy"],
];

function checkCluster(view: ValueView): readonly ConfigProblem[] {
  if (view.get("kubernetes.enabled") !== false) return [];
  return clusterKeys
    .filter(([path]) => view.get(path) === true)
    .map(([path, why]) => problemAt(view, path, "true", `must be false without kubernetes.enabled: ${why}`));
}

/** Folders of the whole system, which others must go on to enter (Filesystem Hierarchy Standard 3.0, sections 3 and 5). */
const sharedFolder =
  /^\/(?:bin|boot|dev|etc|home|lib(?:32|64)?|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var(?:\/(?:cache|lib|lock|log|opt|run|spool|tmp))?)$/;

function checkFolders(view: ValueView): readonly ConfigProblem[] {
  const shared = ["runtimeDir", "stateDir"].flatMap((path) => {
    const folder = view.get(path);
    if (typeof folder !== "string" || !sharedFolder.test(folder)) return [];
    const wanted = "must be a folder of HeadCNI's own, which only root may enter";
    return [problemAt(view, path, showValue(folder), wanted)];
  });
  return [...shared, ...checkSocketPaths(view)];
}

/** sockaddr_un holds 107 bytes and a terminator (unix(7)); tailscaled.sock is the longest name we put into runtimeDir. */
const longestSocketPath = 107;
const limitedPaths = [
  ["runtimeDir", "/tailscaled.sock", "sockets are in it, and their paths hold 107"],
  ["tailscale.socket", "", "the path of a socket holds no more"],
] as const;

function checkSocketPaths(view: ValueView): readonly ConfigProblem[] {
  return limitedPaths.flatMap(([path, name, why]) => {
    const value = view.get(path);
    const [length, max] = [Buffer.byteLength(String(value ?? "")), longestSocketPath - name.length];
    if (length <= max) return [];
    return [problemAt(view, path, `a path of ${length} bytes`, `must be at most ${max} bytes long: ${why}`)];
  });
}

function placed(view: ValueView, path: string): readonly PlacedPrefix[] {
  const value = view.get(path);
  const texts = typeof value === "string" ? [value] : Array.isArray(value) ? (value as string[]) : [];
  return texts.filter((one) => one.includes("/")).map((one) => ({ path, prefix: parsePrefix(one) }));
}

function shown({ prefix }: PlacedPrefix): string {
  return formatPrefix(prefix);
}
