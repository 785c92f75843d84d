import { test } from "vitest";
import { readinessMachine } from "../../../machines/readiness/readiness-machine.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

test("the readiness machine takes every transition", async () => {
  await walkAllTransitions(readinessMachine, {
    input: { proofWanted: true, provenPrefixes: [], health: recorder().ref },
    events: [
      { type: "readiness.begun", prefixes: ["10.244.1.0/24"] },
      { type: "readiness.serving" },
      { type: "readiness.proven" },
      { type: "readiness.proofWanted", wanted: false },
      { type: "readiness.proofWanted", wanted: true },
    ],
    stateKey: ({ context }) => [context.proven, context.proofWanted],
  });
});
