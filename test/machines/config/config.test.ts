import { test } from "vitest";
import type { ConfigReport } from "../../../machines/config/config-machine.ts";
import { configMachine } from "../../../machines/config/config-machine.ts";
import type { ConfigReview } from "../../../src/domain/config-change.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const nothing: ConfigReview = { changes: [], refused: [], problems: [] };
const change = { path: "logging.level", from: '"info"', to: '"debug"' };
const refused = { path: "network.mtu", from: "1280", to: "1400", because: "pods keep their MTU" };
const problem = { path: "network.mtu", source: "config.yaml:3:4", found: '"x"', wanted: "must be a number" };

test("every transition of the config machine can be taken", async () => {
  await walkAllTransitions(configMachine, {
    input: { parent: recorder<ConfigReport>().ref },
    events: [
      { type: "config.touched" },
      { type: "config.unwatched", failure: { code: "ENOSPC", message: "" } },
    ],
    outcomes: {
      review: {
        done: [
          nothing,
          { ...nothing, changes: [change] },
          { changes: [change], refused: [refused], problems: [] },
          { ...nothing, problems: [problem] },
        ],
      },
    },
    stateKey: ({ context }) => ({ touched: context.touched, review: context.review }),
  });
});
