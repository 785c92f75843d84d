import { daemonGet } from "../daemon.ts";
import type { Lab } from "../lab-types.ts";
import { type Screen, tableLines } from "./screen.ts";

/** Prints the live machines of every node's daemon and their states. */
export async function showMachines(screen: Screen, lab: Lab): Promise<void> {
  const columns = await Promise.all(
    lab.nodes.map(async (node) => {
      const { machines } = JSON.parse((await daemonGet(node, "/debug/machines")).body) as {
        readonly machines: readonly {
          readonly id: string;
          readonly machine: string;
          readonly state: string;
        }[];
      };
      return machines.map(({ id, machine, state }) => [node.name, machine, id, state]);
    }),
  );
  screen.print(...tableLines(screen, ["NODE", "MACHINE", "ID", "STATE"], columns.flat()));
}
