import { tailnetTable } from "../../../src/domain/kernel/kernel-constants.ts";
import { intoTailnet } from "../../lab/headcni/wire.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Progress } from "../../lab/progress.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** How long the guard took to bring back what was taken away, from the end of the command that took it. */
export type RestoreSample = { readonly spoil: string; readonly round: number; readonly restoredMs: number };

/** What is taken away in the node's namespace or in X, and the command that shows it. */
interface Spoil {
  readonly where: "node" | "X";
  readonly spoil: string;
  readonly look: string;
}

const table = `ip route show table ${tailnetTable}`;
const firewall = "nft -s list table inet headcni";
const spoils: readonly Spoil[] = [
  { where: "node", spoil: "nft delete table inet headcni", look: firewall },
  { where: "node", spoil: `ip route flush table ${tailnetTable}`, look: table },
  { where: "node", spoil: "ip rule del pref 5190", look: "ip rule show" },
  { where: "node", spoil: "sysctl -qw net.ipv4.ip_forward=0", look: "sysctl net.ipv4.ip_forward" },
  { where: "X", spoil: "nft delete table inet headcni", look: firewall },
  { where: "X", spoil: "ip route del default", look: "ip route show" },
];

/** Fewer than the repairs of one thing in a row that the guard takes for a fight (src/domain/guard/guard-ledger.ts). */
const rounds = 3;

/** Takes things away from a node that serves, one after the other, and looks every few milliseconds until they are back. */
export async function benchRestore(node: LabNode, progress: Progress): Promise<readonly RestoreSample[]> {
  const enter = await intoTailnet(node);
  const within = { node: (command: CommandLine) => inNetns(node.netns, command), X: enter };
  const samples: RestoreSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { where, spoil, look } of spoils) {
      const see = async () => (await runResult(within[where](words(look)))).stdout;
      const before = await see();
      await run(within[where](words(spoil)));
      const spoiledAt = performance.now();
      await waitUntil(async () => (await see()) === before, {
        what: `${spoil} in ${where} is repaired`,
        timeoutMs: 30_000,
        everyMs: 5,
      });
      samples.push({ spoil: `${where}: ${spoil}`, round, restoredMs: performance.now() - spoiledAt });
    }
    progress(`Restore: round ${round + 1} of ${rounds}`);
  }
  return samples;
}

function words(text: string): CommandLine {
  const [program = "", ...args] = text.split(" ");
  return [program, ...args];
}
