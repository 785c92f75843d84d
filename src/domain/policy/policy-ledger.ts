import type { ObjectChange, WatchNews } from "../kubernetes/kubernetes-watch.ts";
import type { NodeBinding } from "../kubernetes/node-bindings.ts";
import { isolationOf } from "./isolation.ts";
import type { AttachedPod, PolicyNamespace, PolicyNode, PolicyPod, PolicyWorld } from "./network-policy.ts";
import { keptPolicy, type ObjectProblem, type PolicyBook, policiesIn, type Reading } from "./policy-book.ts";

/** What policies of this node follow from, as it was heard. What did not change stays the same object. */
export interface PolicyLedger {
  readonly policies: PolicyBook;
  /** By name. */
  readonly namespaces: Readonly<Record<string, PolicyNamespace>>;
  /** All of the cluster, by "namespace/name". */
  readonly pods: Readonly<Record<string, PolicyPod>>;
  readonly nodes: readonly PolicyNode[];
  /** This node's pods, by the key of their attachment. */
  readonly attached: Readonly<Record<string, AttachedPod>>;
}

/** What a start without the API server goes by. */
export type PolicyMemory = Pick<PolicyLedger, "policies" | "namespaces" | "pods">;

export function memoryOf({ policies, namespaces, pods }: PolicyLedger): PolicyMemory {
  return { policies, namespaces, pods };
}

export const emptyPolicyLedger: PolicyLedger = {
  policies: {},
  namespaces: {},
  pods: {},
  nodes: [],
  attached: {},
};

export const policySources = ["networkPolicies", "namespaces", "clusterPods"] as const;
export type PolicySource = (typeof policySources)[number];

export type PolicyNews = Extract<
  WatchNews,
  { readonly type: "watch.listed" | "watch.changed"; readonly source: PolicySource }
>;

/** What cannot be read leaves what was known of it, and is named. */
export interface HeardLedger {
  readonly ledger: PolicyLedger;
  readonly problems: readonly ObjectProblem[];
}

/** The ledger after a list or changes: the same one where they change nothing that policies look at. */
export function hearPolicyNews(ledger: PolicyLedger, news: PolicyNews): HeardLedger {
  switch (news.source) {
    case "networkPolicies": {
      const policies = hear(ledger.policies, changesOf(ledger.policies, news), keptPolicy);
      return {
        ledger: policies === ledger.policies ? ledger : { ...ledger, policies },
        problems: problemsOf(news),
      };
    }
    case "namespaces": {
      const namespaces = hear(ledger.namespaces, changesOf(ledger.namespaces, news), keptItem);
      return {
        ledger: namespaces === ledger.namespaces ? ledger : { ...ledger, namespaces },
        problems: problemsOf(news),
      };
    }
    case "clusterPods": {
      const pods = hear(ledger.pods, changesOf(ledger.pods, news), keptItem);
      return { ledger: pods === ledger.pods ? ledger : { ...ledger, pods }, problems: problemsOf(news) };
    }
    default: {
      const unhandled: never = news;
      return unhandled;
    }
  }
}

/** The cluster's Nodes that have pod CIDRs. `addresses`: their own, by name. */
export function nodesOf(
  bindings: readonly NodeBinding[],
  addresses: Readonly<Record<string, readonly string[]>> = {},
): readonly PolicyNode[] {
  const prefixes = Map.groupBy(bindings, ({ node }) => node);
  return [...prefixes].map(([name, bound]) => ({
    name,
    podCidrs: bound.map(({ prefix }) => prefix),
    addresses: addresses[name] ?? [],
  }));
}

/** This node's pods with one more, or with another in its place. */
export function withAttached(ledger: PolicyLedger, key: string, pod: AttachedPod): PolicyLedger {
  return { ...ledger, attached: { ...ledger.attached, [key]: pod } };
}

export function withoutAttached(ledger: PolicyLedger, key: string): PolicyLedger {
  if (ledger.attached[key] === undefined) return ledger;
  const { [key]: _gone, ...attached } = ledger.attached;
  return { ...ledger, attached };
}

/** Whether nothing passes to or from a pod because the API server did not tell of it yet. */
export function awaitsLabels({ pods, policies }: PolicyLedger, attached: AttachedPod): boolean {
  const pod = Object.values(pods).find(({ runtimeUid }) => runtimeUid === attached.podUid);
  return (
    pod === undefined && isolationOf(attached, pod, "ingress", policiesIn(policies)).kind === "unknownPod"
  );
}

/** What a ledger says, in the words of the compiler. Parts that are those of `before` stay the same objects. */
export function worldOf(
  { policies, namespaces, pods, nodes, attached }: PolicyLedger,
  before?: { readonly ledger: PolicyLedger; readonly world: PolicyWorld },
): PolicyWorld {
  const known = before?.ledger;
  const same = before?.world;
  return {
    policies: same !== undefined && known?.policies === policies ? same.policies : policiesIn(policies),
    namespaces:
      same !== undefined && known?.namespaces === namespaces ? same.namespaces : Object.values(namespaces),
    pods: same !== undefined && known?.pods === pods ? same.pods : Object.values(pods),
    attached: same !== undefined && known?.attached === attached ? same.attached : Object.values(attached),
    nodes,
  };
}

/** "namespace/name"; of what has no namespace its name. */
type Named = { readonly namespace?: string; readonly name: string };

interface Change<Item> {
  readonly name: string;
  /** Undefined: it is gone. */
  readonly reading?: Reading<Item>;
}

/** A list is what leads to it: it may lack what is known. */
function changesOf<Item extends Named>(
  known: Readonly<Record<string, unknown>>,
  news:
    | { readonly type: "watch.listed"; readonly items: readonly Reading<Item>[] }
    | { readonly type: "watch.changed"; readonly changes: readonly ObjectChange<Reading<Item>>[] },
): readonly Change<Item>[] {
  if (news.type === "watch.changed")
    return news.changes.map(({ kind, item: reading }) =>
      kind === "put" ? { name: nameIn(reading), reading } : { name: nameIn(reading) },
    );
  const listed = news.items.map((reading) => ({ name: nameIn(reading), reading }));
  const names = new Set(listed.map(({ name }) => name));
  const gone = Object.keys(known).filter((name) => !names.has(name));
  return [...gone.map((name) => ({ name })), ...listed];
}

function hear<Item, Kept>(
  known: Readonly<Record<string, Kept>>,
  changes: readonly Change<Item>[],
  keep: (before: Kept | undefined, reading: Reading<Item>) => Kept | undefined,
): Readonly<Record<string, Kept>> {
  // Copied once, and only for a difference: most updates of a pod are none for policies.
  let next: Record<string, Kept> | undefined;
  for (const { name, reading } of changes) {
    const before = (next ?? known)[name];
    const after = reading === undefined ? undefined : keep(before, reading);
    if (JSON.stringify(after) === JSON.stringify(before)) continue;
    next ??= { ...known };
    if (after === undefined) delete next[name];
    else next[name] = after;
  }
  return next ?? known;
}

function keptItem<Item>(before: Item | undefined, { item }: Reading<Item>): Item | undefined {
  return item ?? before;
}

function nameIn({ item, problem }: Reading<Named>): string {
  const { namespace = "", name } = item ?? problem;
  return namespace === "" ? name : `${namespace}/${name}`;
}

function problemsOf(news: PolicyNews): readonly ObjectProblem[] {
  const readings: readonly Reading<unknown>[] =
    news.type === "watch.listed"
      ? news.items
      : news.changes.flatMap(({ kind, item }) => (kind === "put" ? [item] : []));
  return readings.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
}
