import { test } from "vitest";
import type { GuardEvent } from "../../../machines/guard/guard-events.ts";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import type { StatusChanged, TailnetFact } from "../../../machines/tailnet/tailnet-events.ts";
import type { FoundTailscaled, TailscaledInput } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { tailscaledMachine } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { WireError } from "../../../src/adapters/wire/wire-error.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { wanted } from "../../support/tailnet-harness.ts";

const found: FoundTailscaled = { pid: 42, startTime: "1000", attended: true };
const gone = new WireError("headcni-wire is gone", { code: "WIRE_GONE", pid: 1 });

type Told = GuardEvent | StatusChanged | TailnetFact;

function inputOf(told: ReturnType<typeof recorder<Told>>): TailscaledInput {
  return {
    wanted,
    authKeyFrom: "credentials",
    headscale: recorder<HeadscaleEvent>().ref,
    health: told.ref,
    guard: told.ref,
    routes: told.ref,
    node: null,
  };
}

test("every transition of the tailscaled machine can be taken", async () => {
  await walkAllTransitions(tailscaledMachine, {
    input: inputOf(recorder<Told>()),
    events: [
      { type: "session.settled" },
      { type: "credentials.replaced" },
      { type: "tailnetNamespace.held" },
    ],
    outcomes: { seek: { done: [found], error: [gone] }, enter: { done: ["9 900"] } },
    stateKey: ({ context }) => [context.missed, context.namespace, Math.min(context.failures, 1)],
  });
});
