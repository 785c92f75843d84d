import { test } from "vitest";
import type { WatchEvent, WatchReport } from "../../../machines/watch/watch-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const item = { name: "a", prefixes: ["10.97.0.0/24"] };
const listed: WatchEvent = { type: "watch.listed", source: "serviceCidrs", items: [item], cursor: "10" };
const changed: WatchEvent = {
  type: "watch.changed",
  source: "serviceCidrs",
  changes: [{ kind: "removed", item }],
  cursor: "12",
};
const opened: WatchEvent = { type: "watch.opened", source: "serviceCidrs" };
const failed = (code: string): WatchEvent => ({ type: "watch.failed", failure: { code, message: code } });

test("the watch machine takes every transition", async () => {
  const refused = [failed("UNREACHABLE"), failed("EXPIRED"), failed("FORBIDDEN"), failed("NOT_FOUND")];
  await walkAllTransitions(watchMachine, {
    input: { source: "serviceCidrs", seed: "n1", parent: recorder<WatchReport>().ref },
    events: [listed, changed, opened, { type: "watch.ended" }, ...refused],
    stateKey: ({ context }) => [context.cursor, context.lost],
  });
});
