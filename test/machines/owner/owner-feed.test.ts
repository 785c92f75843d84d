import { test } from "vitest";
import type { OwnerRead, OwnerUnread } from "../../../machines/owner/owner-events.ts";
import { ownerFeedMachine } from "../../../machines/owner/owner-feed-machine.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { facts } from "../../support/owner-harness.ts";

const process = { pid: 42, startTime: "1000" };

test("every transition of the owner feed machine can be taken", async () => {
  await walkAllTransitions(ownerFeedMachine, {
    input: { process, parent: recorder<OwnerRead | OwnerUnread>().ref },
    events: [{ type: "owner.changed" }, { type: "owner.closed" }],
    outcomes: {
      look: {
        done: [
          { facts, process },
          { facts, process: undefined },
        ],
      },
      find: { done: [process, { pid: 43, startTime: "1000" }, undefined] },
    },
    stateKey: ({ context: { hinted } }) => hinted,
  });
});
