import type { Registry } from "prom-client";
import type { MachineKind, StateKind } from "../machines/machine-kinds.ts";
import type { MachineObserver } from "../machines/machine-observer.ts";
import type { MachineState } from "../pages/machines-page.ts";
import { counterOf, gaugeOf } from "./metrics.ts";

interface StateTally {
  readonly machine: string;
  readonly state: string;
  count: number;
  oldestMs: number;
  stuck: number;
  limited: boolean;
  /** A state around those that machines are counted in: only its own limit is told. */
  outer: boolean;
}

/** The machines' metrics, all read from the observer when somebody scrapes. */
export function registerMachineMetrics(registry: Registry, observer: MachineObserver): void {
  const labelNames = ["machine", "state"] as const;
  const perState = (read: (tally: StateTally) => number | undefined) => () =>
    [...tallies(observer)].flatMap((tally) => {
      const { machine, state } = tally;
      const value = read(tally);
      return value === undefined ? [] : [[{ machine, state }, value] as const];
    });
  gaugeOf(registry, {
    name: "headcni_machines",
    help: "Machines in this state now; failed ones are in state error.",
    labelNames,
    read: perState(({ outer, count }) => (outer ? undefined : count)),
  });
  gaugeOf(registry, {
    name: "headcni_machine_oldest_seconds",
    help: "Longest time a machine has been in this state, or in a state around it that has a time limit.",
    labelNames,
    read: perState(({ count, oldestMs }) => (count === 0 ? undefined : oldestMs / 1000)),
  });
  gaugeOf(registry, {
    name: "headcni_machine_stuck",
    help: "Machines in this state beyond its time limit.",
    labelNames,
    read: perState(({ limited, stuck }) => (limited ? stuck : undefined)),
  });
  counterOf(registry, {
    name: "headcni_machine_transitions_total",
    help: "Transitions between two states.",
    labelNames: ["machine", "from", "to"],
    *read() {
      for (const kind of observer.kinds())
        for (const { from, to, count } of transitionsOf(kind))
          yield [{ machine: kind.name, from, to }, count];
    },
  });
  counterOf(registry, {
    name: "headcni_machine_events_ignored_total",
    help: "Events that the machine's state had no transition for.",
    labelNames: ["machine", "event"],
    *read() {
      for (const kind of observer.kinds())
        for (const [event, count] of kind.ignored) yield [{ machine: kind.name, event }, count];
    },
  });
  gaugeOf(registry, {
    name: "headcni_observer_disabled",
    help: "1 after the machine observer stopped because of an error.",
    labelNames: [],
    read: () => [[{}, observer.disabled() ? 1 : 0]],
  });
}

/**
 * Transitions of each region on its own where a machine's are parallel: the combinations of all regions' states would be a series
 * each.
 */
function transitionsOf(kind: MachineKind) {
  const counts = new Map<string, { readonly from: string; readonly to: string; count: number }>();
  for (const { name, paths, left } of kind.states.values())
    for (const [toName, count] of left) {
      const to = kind.states.get(toName)?.paths ?? [toName];
      const steps: readonly (readonly [string, string])[] =
        paths.length === 1 && to.length === 1
          ? [[name, toName]]
          : paths.flatMap((path, region) => {
              const next = to[region] ?? path;
              return next === path ? [] : [[path, next] as const];
            });
      for (const [from, next] of steps) {
        const key = `${from} ${next}`;
        const known = counts.get(key) ?? { from, to: next, count: 0 };
        known.count += count;
        counts.set(key, known);
      }
    }
  return counts.values();
}

/** One tally per state ever seen, zeros included, so that a series falls to 0 instead of going stale. */
function tallies(observer: MachineObserver): Iterable<StateTally> {
  const byState = new Map<string, StateTally>();
  const tallyOf = (machine: string, state: string, kind: Pick<StateTally, "limited" | "outer">) => {
    const key = `${machine} ${state}`;
    const known = byState.get(key);
    if (known !== undefined) return known;
    const tally = { machine, state, count: 0, oldestMs: 0, stuck: 0, ...kind };
    byState.set(key, tally);
    return tally;
  };
  for (const kind of observer.kinds())
    for (const state of kind.states.values()) {
      for (const { path, limited } of seriesOf(kind, state))
        tallyOf(kind.name, path, { limited, outer: false });
      for (const path of state.outer.values()) tallyOf(kind.name, path, outerState);
    }
  for (const row of observer.states()) {
    const { machine, outer = [] } = row;
    for (const around of outer) count(tallyOf(machine, around.state, outerState), around);
    // A limit of a state around it is told there, in a series that does not change while the inner states take turns.
    const stuck = row.stuck && !outer.some((around) => around.stuck);
    for (const inner of row.regions ?? [{ ...row, stuck }])
      count(tallyOf(machine, inner.state, { limited: inner.limitMs !== null, outer: false }), inner);
  }
  return byState.values();
}

/** The series of a state: one, or one for each parallel region. */
function seriesOf({ name: machine }: MachineKind, { name, paths, limits, outer }: StateKind) {
  return paths.length > 1
    ? paths.map((path) => ({ path, limited: limits.has(`${machine}.${path}`) }))
    : [{ path: name, limited: limits.size > outer.size }];
}

const outerState = { limited: true, outer: true };

function count(tally: StateTally, { sinceMs, stuck }: Pick<MachineState, "sinceMs" | "stuck">): void {
  tally.count += 1;
  tally.oldestMs = Math.max(tally.oldestMs, sinceMs);
  tally.stuck += stuck ? 1 : 0;
}
