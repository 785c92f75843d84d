import { describe, expect, it } from "vitest";
import { createActor, fromPromise } from "xstate";
import { type ReadinessEvent, readinessMachine } from "../../machines/readiness/readiness-machine.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const prefixes = ["10.244.1.0/24"];
const serving: ReadinessEvent = { type: "readiness.serving", proofNeeded: true, prefixes };
const servingProven: ReadinessEvent = { type: "readiness.serving", proofNeeded: false, prefixes };
const proven: ReadinessEvent = { type: "readiness.proven" };

function start() {
  const done: string[] = [];
  const parent = recorder();
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
    { input: { parent: parent.ref } },
  );
  actor.start();
  return { actor, done, parent };
}

describe("readiness", () => {
  it("takes every transition", async () => {
    await walkAllTransitions(readinessMachine, {
      input: { parent: recorder().ref },
      events: [serving, servingProven, proven],
      stateKey: ({ context }) => context.proven,
    });
  });

  it("publishes only after the proof, and records the proof first", async () => {
    const { actor, done, parent } = start();
    actor.send(serving);
    expect(actor.getSnapshot().value).toBe("awaitingProof");
    expect(done).toEqual([]);
    actor.send(proven);
    await until(() => actor.getSnapshot().value === "published", "published");
    expect(done).toEqual(["recordProof 10.244.1.0/24", "publishConflist"]);
    expect(parent.types()).toEqual(["readiness.published"]);
  });

  it("publishes without a proof when an earlier life has it", async () => {
    const { actor, done } = start();
    actor.send(servingProven);
    await until(() => actor.getSnapshot().value === "published", "published");
    expect(done).toEqual(["publishConflist"]);
  });

  it("remembers a proof that comes before ADD can be served", async () => {
    const { actor, done } = start();
    actor.send(proven);
    actor.send(serving);
    await until(() => actor.getSnapshot().value === "published", "published");
    expect(done).toEqual(["recordProof 10.244.1.0/24", "publishConflist"]);
  });
});
