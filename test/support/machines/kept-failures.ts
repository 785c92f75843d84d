import type { AnyEventObject, AnyMachineSnapshot } from "xstate";

/** A step of a machine's model, with the states before and after it. */
export interface Edge {
  readonly from: AnyMachineSnapshot;
  readonly event: AnyEventObject;
  readonly to: AnyMachineSnapshot;
}

/**
 * States of a model in which a `failure` of the context stays though it is over, as sentences; empty when all is well:
 * - from each state with a failure one without can be reached, unless only the machine's end is left;
 * - when the job that failed succeeds, its failure is over, at the latest after what follows by itself: timers and other jobs
 *   that succeed, but no event and no further run of that job.
 * `keyOf` tells the states of the model apart, and must tell failures apart.
 */
export function keptFailures(
  edges: readonly Edge[],
  keyOf: (state: AnyMachineSnapshot) => string,
): readonly string[] {
  const failures = new Map<string, ReadonlySet<string>>();
  for (const { from, event, to } of edges)
    if (event.type.startsWith("xstate.error.actor.") && lastFailure(to) !== lastFailure(from))
      failures.set(lastFailure(to), new Set([...(failures.get(lastFailure(to)) ?? []), jobOf(from, event)]));
  const isSuccess = ({ from, event }: Edge) =>
    event.type.startsWith("xstate.done.actor.") && failures.get(lastFailure(from))?.has(jobOf(from, event));
  const free = edges.flatMap(({ from, to }) => [from, to]).filter((state) => lastFailure(state) === "");
  const canBeFree = leadingTo(free, edges, keyOf);
  const isFreeSoon = leadingTo(
    free,
    edges.filter((edge) => /^xstate\.(done\.actor|after)\./.test(edge.event.type) && !isSuccess(edge)),
    keyOf,
  );
  const left = Map.groupBy(edges, ({ from }) => keyOf(from));
  const kept = new Set<string>();
  for (const [key, steps] of left) {
    const [{ from }] = steps as [Edge, ...Edge[]];
    const ends = steps.every(({ to }) => to.status !== "active" || isSame(from.value, to.value));
    if (!canBeFree.has(key) && !ends)
      kept.add(`in ${textOf(from.value)} "${lastFailure(from)}" stays for ever`);
    const successes = Map.groupBy(steps.filter(isSuccess), ({ event }) => event.type);
    for (const [type, ways] of successes)
      if (ways.every(({ to }) => to.status === "active" && !isFreeSoon.has(keyOf(to))))
        kept.add(`in ${textOf(from.value)} "${lastFailure(from)}" stays after ${type}`);
  }
  return [...kept];
}

/** The keys of the states from which the edges lead to one of `goals`, and of these themselves. */
function leadingTo(
  goals: readonly AnyMachineSnapshot[],
  edges: readonly Edge[],
  keyOf: (state: AnyMachineSnapshot) => string,
): ReadonlySet<string> {
  const before = Map.groupBy(edges, ({ to }) => keyOf(to));
  const found = new Set(goals.map(keyOf));
  // A set also gives what is added while it is gone through.
  for (const key of found) for (const { from } of before.get(key) ?? []) found.add(keyOf(from));
  return found;
}

/** The failure in a context, as text; empty when there is none. */
export function lastFailure({ context: { failure } }: AnyMachineSnapshot): string {
  return failure === null || failure === undefined ? "" : `${failure.code}: ${failure.message}`;
}

/** The name (`src`) of the actor that ends. */
function jobOf({ children }: AnyMachineSnapshot, event: AnyEventObject): string {
  const child = children[event["actorId"]] as { readonly src?: unknown } | undefined;
  return String(child?.src);
}

function isSame(one: unknown, other: unknown): boolean {
  return textOf(one) === textOf(other);
}

function textOf(value: unknown): string {
  return JSON.stringify(value);
}
