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
];
