import type { NodeRow, NodeVerdict } from "../../src/domain/approval/route-decisions.ts";
import { freeSlot, type Slots, usedSlots, withSlot } from "../support/slots.ts";

/** What the `approval` in a slot was told last; `verdict` null: to end. */
export interface ApprovalSlot {
  readonly node: string;
  readonly verdict: NodeVerdict | null;
}

/** `approval` actors at once: the Nodes beyond them wait for a slot, their routes do not. */
const maxApprovals = 64;

/** What the actors in the slots are to be told, and for which Nodes new ones start. */
export interface SlotChanges {
  readonly told: readonly { readonly slot: number; readonly verdict: NodeVerdict | null }[];
  readonly started: readonly {
    readonly slot: number;
    readonly node: string;
    readonly verdict: NodeVerdict;
  }[];
  readonly slots: Slots<ApprovalSlot>;
}

/** Brings the slots in line with the rows: every Node that is not settled has an actor. */
export function slotChanges(before: Slots<ApprovalSlot>, rows: readonly NodeRow[]): SlotChanges {
  const verdicts = new Map(rows.map(({ node, verdict }) => [node, verdict]));
  const verdictOf = (node: string) => {
    const verdict = verdicts.get(node) ?? "settled";
    return verdict === "settled" ? null : verdict;
  };
  let slots = before;
  const told: { slot: number; verdict: NodeVerdict | null }[] = [];
  for (const [slot, entry] of before.entries()) {
    // One that ends takes nothing more.
    if (entry === null || entry.verdict === null) continue;
    const verdict = verdictOf(entry.node);
    if (verdict === entry.verdict) continue;
    told.push({ slot, verdict });
    slots = withSlot(slots, slot, { ...entry, verdict });
  }
  const started: { slot: number; node: string; verdict: NodeVerdict }[] = [];
  const served = new Set(slots.flatMap((entry) => (entry === null ? [] : [entry.node])));
  for (const { node } of rows) {
    const verdict = verdictOf(node);
    if (verdict === null || served.has(node)) continue;
    if (usedSlots(slots) >= maxApprovals) break;
    const slot = freeSlot(slots);
    started.push({ slot, node, verdict });
    slots = withSlot(slots, slot, { node, verdict });
  }
  return { told, started, slots };
}
