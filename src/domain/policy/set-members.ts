import { parseAddress } from "../addresses/prefix.ts";
import type { NftElement } from "../nftables/nft-statements.ts";
import type { NftSet, NftType } from "../nftables/nft-table.ts";
import type { AddressOwners } from "./address-owners.ts";
import { readTerm, type TermText } from "./combination.ts";
import { portsNamed } from "./grants.ts";
import type { NamedPort, PolicyPod } from "./network-policy.ts";
import { type NamespaceLabels, type PodTerm, termTakes } from "./pod-term.ts";

/** A set whose elements follow from pods: each address puts its own elements in, so one pod that changes is a matter of its own. */
export type MemberSet =
  /** Addresses of the pods that any of the terms takes. */
  | (MemberSetPlace & { readonly kind: "pods"; readonly terms: readonly TermText[] })
  /** Addresses with protocol and port, as the pods name them. */
  | (MemberSetPlace & { readonly kind: "ports"; readonly named: readonly NamedMembers[] });

interface MemberSetPlace {
  readonly name: string;
  readonly family: 4 | 6;
}

/** Peers that are everybody, pods of terms, or addresses of ranges ("10.0.0.0-10.0.0.9"). */
export interface NamedMembers extends NamedPort {
  readonly peers: "everybody" | { readonly terms: readonly TermText[]; readonly ranges: readonly string[] };
}

/** What one address puts into which set. */
export interface Membership {
  readonly set: string;
  readonly element: NftElement;
}

/** Gives what an address puts into the sets, for the pod that it is. */
export type MembershipsOf = (address: string, pod: PolicyPod) => readonly Membership[];

export function membershipsIn(sets: readonly MemberSet[], namespaces: NamespaceLabels): MembershipsOf {
  const termsOf = indexTerms(sets);
  const byFamily = { 4: setsOf(sets, 4), 6: setsOf(sets, 6) };
  return (address, pod) => {
    const taken = new Set<TermText>();
    for (const { text, term } of termsOf(pod)) if (termTakes(term, pod, namespaces)) taken.add(text);
    const { byTerm, ports } = byFamily[address.includes(":") ? 6 : 4];
    const pods = new Set([...taken].flatMap((text) => byTerm.get(text) ?? []));
    return [
      ...[...pods].map((set) => ({ set, element: address })),
      ...ports.flatMap(({ name, named }) =>
        portElements(address, pod, named, taken).map((element) => ({ set: name, element })),
      ),
    ];
  };
}

/** The sets as they are loaded. */
export function fillSets(
  sets: readonly MemberSet[],
  namespaces: NamespaceLabels,
  owners: AddressOwners,
): readonly NftSet[] {
  // Who has none to fill, as after most changes, does not go through all pods.
  if (sets.length === 0) return [];
  const membershipsOf = membershipsIn(sets, namespaces);
  const elements = new Map<string, NftElement[]>(sets.map(({ name }) => [name, []]));
  for (const [address, pod] of owners)
    for (const { set, element } of membershipsOf(address, pod)) elements.get(set)?.push(element);
  return sets.map((set) => ({
    ...{ name: set.name, type: typeOf(set), single: true },
    elements: elements.get(set.name) ?? [],
  }));
}

export function typeOf({ family, kind }: MemberSet): readonly NftType[] {
  const address = family === 4 ? "ipv4_addr" : "ipv6_addr";
  return kind === "pods" ? [address] : [address, "inet_proto", "inet_service"];
}

interface IndexedTerm {
  readonly text: TermText;
  readonly term: PodTerm;
}

/** The terms that may take a pod: most name one namespace, and one value of a label. */
function indexTerms(sets: readonly MemberSet[]): (pod: PolicyPod) => readonly IndexedTerm[] {
  const texts = new Set(
    sets.flatMap((set) =>
      set.kind === "pods"
        ? set.terms
        : set.named.flatMap(({ peers }) => (peers === "everybody" ? [] : peers.terms)),
    ),
  );
  const terms = [...texts].map((text) => ({ text, term: readTerm(text) }));
  const byPlace = Map.groupBy(terms, ({ term: { namespaces, pods } }) => {
    const label = pods.find(({ operator, values }) => operator === "In" && values.length === 1);
    const place = typeof namespaces === "string" ? namespaces : anyNamespace;
    return label === undefined ? place : placeOf(place, label.key, label.values[0] ?? "");
  });
  return ({ namespace, labels }) =>
    [namespace, anyNamespace]
      .flatMap((place) => [
        place,
        ...Object.entries(labels).map(([key, value]) => placeOf(place, key, value)),
      ])
      .flatMap((place) => byPlace.get(place) ?? []);
}

/** No namespace has this name. */
const anyNamespace = "*";

/** No name of a namespace or of a label has a blank. */
function placeOf(namespace: string, key: string, value: string): string {
  return `${namespace} ${key} ${value}`;
}

function setsOf(sets: readonly MemberSet[], family: 4 | 6) {
  const byTerm = new Map<TermText, string[]>();
  for (const set of sets)
    if (set.kind === "pods" && set.family === family)
      for (const text of set.terms) {
        const known = byTerm.get(text);
        if (known === undefined) byTerm.set(text, [set.name]);
        else known.push(set.name);
      }
  const ports = sets.filter((set) => set.kind === "ports").filter((set) => set.family === family);
  return { byTerm, ports };
}

/** Each once, whatever leads to it. */
function portElements(
  address: string,
  pod: PolicyPod,
  named: readonly NamedMembers[],
  taken: ReadonlySet<TermText>,
): readonly NftElement[] {
  const matching = named.filter(
    ({ peers }) =>
      peers === "everybody" ||
      peers.terms.some((text) => taken.has(text)) ||
      peers.ranges.some((range) => isInside(address, range)),
  );
  const found = matching.flatMap((one) => portsNamed(one, pod));
  const ports = new Map(found.map((port) => [`${port.protocol} ${port.first}`, port]));
  return [...ports.values()].map(({ protocol, first }) => ({
    concat: [address, protocol.toLowerCase(), first],
  }));
}

function isInside(address: string, range: string): boolean {
  const { value } = parseAddress(address);
  const [first = "", last = ""] = range.split("-");
  return value >= parseAddress(first).value && value <= parseAddress(last).value;
}
