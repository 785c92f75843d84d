import { test } from "vitest";
import type { WatchEvent, WatchReport } from "../../machines/watch/watch-events.ts";
import { watchMachine } from "../../machines/watch/watch-machine.ts";
import { clusterNode } from "../support/cluster-node.ts";
import { recorder } from "../support/recorder.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const node = clusterNode("n1", ["10.244.1.0/24"]);
const listed: WatchEvent = { type: "watch.listed", source: "nodes", items: [node], cursor: "10" };
const changed: WatchEvent = {
  type: "watch.changed",
  source: "nodes",
  changes: [{ kind: "removed", item: node }],
  cursor: "12",
};
const opened: WatchEvent = { type: "watch.opened", source: "nodes" };
const failed = (code: string): WatchEvent => ({ type: "watch.failed", failure: { code, message: code } });

test("the watch machine takes every transition", async () => {
  await walkAllTransitions(watchMachine, {
    input: { source: "nodes", seed: "n1", parent: recorder<WatchReport>().ref },
    events: [
      listed,
      changed,
      opened,
      { type: "watch.ended" },
      failed("UNREACHABLE"),
      failed("EXPIRED"),
      failed("FORBIDDEN"),
    ],
    stateKey: ({ context }) => [context.cursor, context.lost],
  });
});
