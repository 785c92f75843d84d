import { liveMachines } from "../headcni/daemon-pages.ts";
import type { Lab } from "../lab-types.ts";
import { type Screen, tableLines } from "./screen.ts";

/** Prints which machines live in each node's daemon and in which states, equal ones counted together. */
export async function showMachines(screen: Screen, lab: Lab): Promise<void> {
  const perNode = await Promise.all(lab.nodes.map(async (node) => statesByMachine(await liveMachines(node))));
  const machines = [...new Set(perNode.flatMap((states) => [...states.keys()]))];
  const rows = machines.map((machine) => [machine, ...perNode.map((states) => states.get(machine) ?? "-")]);
  screen.print(...tableLines(screen, ["MACHINE", ...lab.nodes.map(({ name }) => name)], rows));
}

/** `pod` to `3 attached`, `guard` to `holding`. */
function statesByMachine(
  machines: readonly { readonly machine: string; readonly state: string }[],
): ReadonlyMap<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const { machine, state } of machines) {
    const states = counts.get(machine) ?? new Map<string, number>();
    counts.set(machine, states.set(state, (states.get(state) ?? 0) + 1));
  }
  const words = (states: ReadonlyMap<string, number>) =>
    [...states].map(([state, count]) => (count === 1 ? state : `${count} ${state}`)).join(", ");
  return new Map([...counts].map(([machine, states]) => [machine, words(states)]));
}
