import { setTimeout as delay } from "node:timers/promises";
import { readyPage } from "../../headcni/daemon-pages.ts";
import type { LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack } from "../attack.ts";
import { guardState } from "../tools/daemon-numbers.ts";

/** Five repairs, and looks that are gathered, take some seconds. */
const namedWithinMs = 60_000;

export const fightTheGuard: Attack = {
  name: "fight-the-guard",
  promise: "restored",
  does: "a program deletes the guard's table as often as it is restored",
  run: async ({ node }) => {
    const fight = new AbortController();
    const fighting = keepDeleting(node, fight.signal);
    try {
      const named = async () => {
        if ((await guardState(node)) !== "fighting") return undefined;
        const page = await readyPage(node);
        return page?.reasons.find((reason) => /undo|fight/i.test(reason));
      };
      const reason = await waitUntil(named, {
        what: "the node says that somebody fights it",
        timeoutMs: namedWithinMs,
        everyMs: 200,
      }).catch(() => undefined);
      return [
        reason === undefined
          ? { saw: `nothing is said of it within ${namedWithinMs / 1000} s`, harm: true }
          : { saw: `/ready says: ${reason}`, harm: false },
      ];
    } finally {
      fight.abort();
      await fighting;
      await waitUntil(async () => (await guardState(node)) === "holding", {
        what: "the guard holds again",
        timeoutMs: 120_000,
        everyMs: 200,
      });
    }
  },
};

async function keepDeleting(node: LabNode, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await runResult(inNetns(node.netns, ["nft", "delete", "table", "inet", "headcni"]));
    await delay(100);
  }
}
