import { daemonGet } from "../headcni/daemon-pages.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { type Screen, tableLines } from "./screen.ts";

/** A transition as `/debug/machines` records it; `at` in ms of the wall clock. */
type Transition = {
  readonly at: number;
  readonly machine: string;
  readonly actor: string;
  readonly from: string;
  readonly to: string;
};

/** The machines on the way to a node that serves, and which actor of several. */
const machines = [
  "node",
  "headcni",
  "guard",
  "tailscaled",
  "tailnet",
  "headscale",
  "ownRoute",
  "readiness",
] as const;
/** Of each machine, the states in which it was longest. */
const statesShown = 3;

/** Prints how long each machine of the slowest node was in which state until the node was proven. */
export async function showStateShares(screen: Screen, lab: Lab): Promise<void> {
  const records = await Promise.all(lab.nodes.map(async (node) => ({ node, record: await recordOf(node) })));
  const slowest = records.toSorted((a, b) => durationOf(b.record) - durationOf(a.record))[0];
  if (slowest === undefined || slowest.record.length === 0) return;
  const { node, record } = slowest;
  const end = provenAt(record);
  const total = durationOf(record);
  const rows = machines.flatMap((machine) => {
    const own = record.filter((transition) => transition.machine === machine);
    const shares = sharesOf(own, end);
    return shares.length === 0
      ? []
      : [
          [
            machine,
            shares
              .slice(0, statesShown)
              .map(([state, ms]) => `${state} ${((100 * ms) / total).toFixed(0)} % (${ms.toFixed(0)} ms)`)
              .join(", "),
          ],
        ];
  });
  screen.print(
    `   ${node.name}: ${total.toFixed(0)} ms from the daemon's start to proven`,
    ...tableLines(screen, ["MACHINE", "TIME IN STATE"], rows),
  );
}

async function recordOf(node: LabNode): Promise<readonly Transition[]> {
  const { body } = await daemonGet(node, "/debug/machines");
  const { recentTransitions } = JSON.parse(body) as { readonly recentTransitions: readonly Transition[] };
  return recentTransitions;
}

/** When the route was first proven; the last record if it was not. */
function provenAt(record: readonly Transition[]): number {
  const proven = record.find(({ machine, to }) => machine === "health" && to.includes("route.ok"));
  return (proven ?? record.at(-1))?.at ?? 0;
}

function durationOf(record: readonly Transition[]): number {
  return provenAt(record) - (record[0]?.at ?? 0);
}

/** Time in each state up to `end`, the longest first. */
function sharesOf(transitions: readonly Transition[], end: number): readonly (readonly [string, number])[] {
  const shares = new Map<string, number>();
  for (const [index, { at, to }] of transitions.entries()) {
    const until = Math.min(transitions[index + 1]?.at ?? end, end);
    if (until > at) shares.set(to, (shares.get(to) ?? 0) + until - at);
  }
  return [...shares].sort(([, a], [, b]) => b - a);
}
