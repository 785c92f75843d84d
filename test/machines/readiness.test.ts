import { describe, expect, it } from "vitest";
import { createActor, fromPromise } from "xstate";
import type { HealthFact } from "../../machines/health/health-events.ts";
import type { ReadinessEvent, ReadinessSettings } from "../../machines/readiness/readiness-events.ts";
import { readinessMachine } from "../../machines/readiness/readiness-machine.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const begun: ReadinessEvent = { type: "readiness.begun", prefixes: ["10.244.1.0/24", "fd00:1::/64"] };
const serving: ReadinessEvent = { type: "readiness.serving" };
const proven: ReadinessEvent = { type: "readiness.proven" };
const wanted = (value: boolean): ReadinessEvent => ({ type: "readiness.proofWanted", wanted: value });

function start(given: Partial<ReadinessSettings> = {}) {
  const done: string[] = [];
  const health = recorder<HealthFact>();
  const actor = createActor(
    readinessMachine.provide({
      actors: {
        recordProof: fromPromise<void, { readonly podCidrs: readonly string[] }>(async ({ input }) => {
          done.push(`recordProof ${input.podCidrs.join()}`);
        }),
        publishConflist: fromPromise<void, void>(async () => {
          done.push("publishConflist");
        }),
      },
    }),
    { input: { proofWanted: true, provenPrefixes: [], ...given, health: health.ref } },
  );
  actor.start();
  actor.send(begun);
  const published = () => until(() => actor.getSnapshot().value === "published", "published");
  return { actor, done, health, published };
}

describe("readiness", () => {
  it("takes every transition", async () => {
    await walkAllTransitions(readinessMachine, {
      input: { proofWanted: true, provenPrefixes: [], health: recorder().ref },
      events: [begun, serving, proven, wanted(false), wanted(true)],
      stateKey: ({ context }) => [context.proven, context.proofWanted],
    });
  });

  it("publishes only after the proof, and records the proof first", async () => {
    const { actor, done, health, published } = start();
    actor.send(serving);
    expect(actor.getSnapshot().value).toBe("awaitingProof");
    expect(done).toEqual([]);
    expect(health.types()).toEqual(["proof.wanted"]);
    actor.send(proven);
    await published();
    expect(done).toEqual(["recordProof 10.244.1.0/24,fd00:1::/64", "publishConflist"]);
    expect(health.types()).toEqual(["proof.wanted", "proof.given"]);
  });

  it("publishes without a proof when an earlier life has it for these pod CIDRs", async () => {
    const { actor, done, health, published } = start({ provenPrefixes: ["fd00:1::/64", "10.244.1.0/24"] });
    expect(health.types()).toEqual(["proof.given"]);
    actor.send(serving);
    await published();
    expect(done).toEqual(["publishConflist"]);
  });

  it("takes no proof of other pod CIDRs", () => {
    const { actor, health } = start({ provenPrefixes: ["10.244.2.0/24", "fd00:1::/64"] });
    actor.send(serving);
    expect(health.types()).toEqual(["proof.wanted"]);
    expect(actor.getSnapshot().value).toBe("awaitingProof");
  });

  it("remembers a proof that comes before ADD can be served", async () => {
    const { actor, done, published } = start();
    actor.send(proven);
    actor.send(serving);
    await published();
    expect(done).toEqual(["recordProof 10.244.1.0/24,fd00:1::/64", "publishConflist"]);
  });

  it("follows the operator who switches the proof off, or on again", async () => {
    const { actor, done, published } = start();
    actor.send(wanted(false));
    actor.send(wanted(true));
    actor.send(serving);
    expect(actor.getSnapshot().value).toBe("awaitingProof");
    actor.send(wanted(false));
    await published();
    expect(done).toEqual(["publishConflist"]);
  });
});
