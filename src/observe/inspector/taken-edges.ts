import type { AnyStateMachine, AnyTransitionDefinition } from "xstate";
import { transitionsInOrder } from "../../../machines/chart/machine-chart.ts";

/**
 * Finds taken transitions in a machine's chart: by position, because charts list the transitions in the order in which
 * the machine does. A machine's table is made when it is first asked for.
 */
export function createEdgeFinder(): (
  machine: AnyStateMachine,
  taken: readonly AnyTransitionDefinition[],
) => readonly number[] {
  const tables = new WeakMap<AnyStateMachine, ReadonlyMap<AnyTransitionDefinition, number>>();
  return (machine, taken) => {
    let table = tables.get(machine);
    if (table === undefined) {
      table = new Map(transitionsInOrder(machine).map((transition, index) => [transition, index]));
      tables.set(machine, table);
    }
    const edges: number[] = [];
    for (const transition of taken) {
      const index = table.get(transition);
      if (index !== undefined) edges.push(index);
    }
    return edges;
  };
}
