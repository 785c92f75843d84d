import {
  byPlace,
  containsPrefix,
  formatAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixSize,
  readPrefix,
} from "../addresses/prefix.ts";
import type { NodeBinding } from "../kubernetes/node-bindings.ts";
import { positionOf } from "../sorted-list.ts";

/** Primary routes of the tailnet's nodes by stable ID, as tailscaled tells them. */
export type ServedRoutes = Readonly<Record<string, readonly string[]>>;

/** What a look at the netmap tells of the tailnet's nodes, by stable ID. */
export interface Netmap {
  readonly routes: ServedRoutes;
  /** Their tailnet addresses. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
}

/** Of the tailnet, as it is now. */
export interface Believed {
  /** Pods' prefixes and ranges of other Nodes, as of `believedPrefixes`. */
  readonly prefixes: readonly string[];
  /** Tailnet addresses of Nodes: clusters whose Nodes are known by them reach node ports, kubelets and API server there. */
  readonly nodes: readonly string[];
}

export const nobodyBelieved: Believed = { prefixes: [], nodes: [] };

export function believedOf(bindings: readonly NodeBinding[], { routes, addresses }: Netmap): Believed {
  const nodes = bindings.flatMap(({ nodeId }) => (nodeId === "" ? [] : (addresses[nodeId] ?? [])));
  return { prefixes: believedPrefixes(bindings, routes), nodes: [...new Set(nodes)].sort() };
}

/** More parts of a Node's prefix than these are not told apart: who announces so many can take all of it with two. */
const maxParts = 16;

/**
 * What is believed of the tailnet: each bound prefix that exactly its node serves, without the parts that other nodes serve inside of it (a
 * narrower prefix takes the packets). As texts, sorted by place and disjoint: a prefix ("10.244.1.0/24"), or a range ("10.244.1.0-10.244.1.9")
 * of what is left of one. At most `maxParts` + 1 a binding, whatever is served.
 */
export function believedPrefixes(bindings: readonly NodeBinding[], routes: ServedRoutes): readonly string[] {
  const claims = bindings
    .filter(({ nodeId }) => nodeId !== "")
    .map(({ prefix, nodeId }) => ({ prefix: parsePrefix(prefix), nodeId, confirmed: false, parts: [] }))
    .sort((a: Claim, b: Claim) => byPlace(a.prefix, b.prefix));
  for (const { nodeId, prefix } of servedPrefixes(routes)) {
    const claim = claimAround(claims, prefix);
    if (claim === undefined) continue;
    if (claim.nodeId !== nodeId) {
      if (claim.parts.length <= maxParts) claim.parts.push(prefix);
    } else if (claim.prefix.length === prefix.length) claim.confirmed = true;
  }
  return claims.filter(({ confirmed }) => confirmed).flatMap(leftOf);
}

/** What is no prefix is served by nobody. */
function servedPrefixes(routes: ServedRoutes) {
  return Object.entries(routes).flatMap(([nodeId, texts]) =>
    texts.flatMap((text) => {
      const prefix = readPrefix(text);
      return prefix === undefined ? [] : [{ nodeId, prefix }];
    }),
  );
}

interface Claim {
  readonly prefix: Prefix;
  readonly nodeId: string;
  confirmed: boolean;
  /** What other nodes serve inside of it, up to one more than `maxParts`. */
  readonly parts: Prefix[];
}

/** The claim that holds the prefix: claims are sorted and disjoint. */
function claimAround(claims: readonly Claim[], prefix: Prefix): Claim | undefined {
  const at = positionOf(claims, (claim) => byPlace(claim.prefix, prefix) < 0);
  return [claims[at], claims[at - 1]].find(
    (claim) => claim !== undefined && containsPrefix(claim.prefix, prefix),
  );
}

function leftOf({ prefix, parts }: Claim): readonly string[] {
  if (parts.length === 0) return [formatPrefix(prefix)];
  if (parts.length > maxParts) return [];
  const { family, base } = prefix;
  const left: string[] = [];
  let next = base;
  for (const part of parts.sort(byPlace)) {
    if (part.base > next) left.push(rangeText(family, next, part.base - 1n));
    const after = part.base + prefixSize(part);
    if (after > next) next = after;
  }
  const end = base + prefixSize(prefix);
  if (next < end) left.push(rangeText(family, next, end - 1n));
  return left;
}

function rangeText(family: 4 | 6, first: bigint, last: bigint): string {
  return `${formatAddress(family, first)}-${formatAddress(family, last)}`;
}

/** Whether `told`, of some nodes, is anything else than what is known of them. */
export function servesOtherwise(known: ServedRoutes, told: ServedRoutes): boolean {
  return Object.entries(told).some(([nodeId, routes]) => (known[nodeId] ?? []).join() !== routes.join());
}
