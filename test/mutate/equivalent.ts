/**
 * Mutants that behave like the original in every case, each with the proof. Not for what is merely hard to test.
 * `change` is the line before and after, as `npm run mutate` prints it.
 */
export type Equivalent = {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
};

const besideEqual =
  "Prefixes in the list are disjoint, so at most one is equal to the sought one: it stands at the found place, or right before it with <=; both are looked at.";
const signAlone = "Of what a comparator gives only the sign counts (ECMA-262, CompareArrayElements).";
const known = "`isKnown` guards the only way into the state, and no action sets the ledger to null";
const clusterNodes = "machines/cluster-nodes/cluster-nodes-machine.ts";

export const equivalents: readonly Equivalent[] = [
  {
    file: clusterNodes,
    before: "someMissing: ({ context }) => Object.keys(context.ledger?.missing ?? {}).length > 0,",
    after: "someMissing: ({ context }) => Object.keys(context.ledger?.missing).length > 0,",
    reason: known,
  },
  {
    file: clusterNodes,
    before: "params: ({ context }) => turnLedger(context.ledger ?? emptyLedger),",
    after: "params: ({ context }) => turnLedger(context.ledger),",
    reason: known,
  },
  {
    file: "src/domain/tailnet/believed-prefixes.ts",
    before: "const at = positionOf(claims, (claim) => byPlace(claim.prefix, prefix) < 0);",
    after: "const at = positionOf(claims, (claim) => byPlace(claim.prefix, prefix) <= 0);",
    reason: besideEqual,
  },
  {
    file: "src/domain/tailnet/believed-prefixes.ts",
    before: "if (after > next) next = after;",
    after: "if (after >= next) next = after;",
    reason: "Of equal numbers either is the greater one.",
  },
  {
    file: "src/domain/kubernetes/node-bindings.ts",
    before:
      "const ranked = nodes.map((node) => ({ node, rank: rank(node) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));",
    after:
      "const ranked = nodes.map((node) => ({ node, rank: rank(node) })).sort((a, b) => (a.rank < b.rank ? -1 : (1 + 1)));",
    reason: signAlone,
  },
  {
    file: "src/domain/kubernetes/node-bindings.ts",
    before: "const at = positionOf(bound, (one) => byPlace(one.place, place) < 0);",
    after: "const at = positionOf(bound, (one) => byPlace(one.place, place) <= 0);",
    reason: besideEqual,
  },
  {
    file: "src/domain/kubernetes/node-ledger.ts",
    before: '...gone.map((item) => ({ kind: "removed" as const, item })),',
    after: '...gone.map((item) => ({ kind: "" as const, item })),',
    reason: "changeNodes asks only whether a change puts a Node, and the list goes nowhere else.",
  },
  {
    file: "src/domain/addresses/prefix.ts",
    before: "if (a.base !== b.base) return a.base < b.base ? -1 : 1;",
    after: "if (a.base !== b.base) return a.base <= b.base ? -1 : 1;",
    reason: "The bases are not equal here.",
  },
  {
    file: "src/domain/addresses/prefix.ts",
    before: "if (a.base !== b.base) return a.base < b.base ? -1 : 1;",
    after: "if (a.base !== b.base) return a.base < b.base ? -1 : (1 + 1);",
    reason: signAlone,
  },
  {
    file: "src/domain/tailnet/route-facts.ts",
    before: "const rank = (route: Prefix) => (installed[formatPrefix(route)] === true ? 0 : 1);",
    after: "const rank = (route: Prefix) => (installed[formatPrefix(route)] === true ? 0 : (1 + 1));",
    reason: signAlone,
  },
];
