/**
 * What each child of a machine works for, by slot; null where no child runs. Slots repeat, because XState remembers the
 * name of every child's end. A slot is emptied only when its child's end arrives: a message that the old child sent
 * before is then never taken for one of the next child in the slot.
 */
export type Slots<Entry> = readonly (Entry | null)[];

/** End of a child, whatever its slot (XState's own events). */
export type ChildEnd<Output = unknown> =
  | { readonly type: `xstate.done.actor.${string}`; readonly actorId: string; readonly output: Output }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown };

/** The lowest slot that is free. */
export function freeSlot(slots: Slots<unknown>): number {
  const free = slots.indexOf(null);
  return free === -1 ? slots.length : free;
}

export function withSlot<Entry>(slots: Slots<Entry>, slot: number, entry: Entry | null): Slots<Entry> {
  const next = [...slots];
  next[slot] = entry;
  return next;
}

/** Slots in use. */
export function usedSlots(slots: Slots<unknown>): number {
  return slots.reduce<number>((count, entry) => (entry === null ? count : count + 1), 0);
}

/** Id of the child in a slot. */
export function childId(kind: string, slot: number): string {
  return `${kind}:${slot}`;
}

/** Slot of a child by its id; -1 for a child of another kind. */
export function slotOfChild(kind: string, actorId: string): number {
  return actorId.startsWith(`${kind}:`) ? Number(actorId.slice(kind.length + 1)) : -1;
}
