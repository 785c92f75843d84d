import { describe, expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import type {
  ApprovalReply,
  AuthKeyReply,
  HeadscaleTask,
  HeadscaleYield,
} from "../../machines/headscale/headscale-jobs.ts";
import { headscaleMachine } from "../../machines/headscale/headscale-machine.ts";
import { HeadscaleRequestError } from "../../src/adapters/headscale/headscale-error.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const refused = new HeadscaleRequestError("401", { code: "UNAUTHORIZED" });
const away = new HeadscaleRequestError("away", { code: "UNREACHABLE", reason: "ECONNREFUSED" });
const unknown = new HeadscaleRequestError("no", { code: "NOT_FOUND", status: 404, text: "node not found" });
const input = { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "k8s-", seed: "n1" };
const departed = { type: "node.departed", name: "n9", prefixes: ["10.244.9.0/24"] } as const;
const approval = { type: "approval.wanted", nodeId: "7", prefixes: ["10.244.1.0/24"] } as const;

test("every transition of the headscale machine can be taken", async () => {
  const asker = recorder<ApprovalReply>().ref;
  const other = recorder<AuthKeyReply>().ref;
  await walkAllTransitions(headscaleMachine, {
    input,
    moreInputs: [{ ...input, authenticates: false }],
    events: [
      { type: "control.lost" },
      { type: "control.restored" },
      { type: "credentials.replaced" },
      { ...approval, replyTo: asker },
      { type: "authKey.wanted", replyTo: other },
      departed,
    ],
    outcomes: {
      probe: { done: [undefined], error: [refused, away] },
      serve: { done: [{ authKey: "hskey-auth-x" }], error: [refused, away, unknown] },
    },
    stateKey: ({ context }) => [
      context.authenticates,
      context.jobs.map(({ type }: { type: string }) => type),
    ],
  });
});

type Answer<T> = () => Promise<T>;

/** A headscale machine whose effects give the answers of `script` in turn, the last one again and again. */
function start(script: {
  readonly probe?: readonly Answer<void>[];
  readonly serve?: readonly ((task: HeadscaleTask) => Promise<HeadscaleYield>)[];
  readonly authenticates?: boolean;
}) {
  const counts = { probes: 0, serves: 0, busy: 0, mostBusy: 0 };
  const clock = manualClock();
  const actor = createActor(
    headscaleMachine.provide({
      actors: {
        probe: fromPromise<void, { readonly authenticates: boolean }>(async () => {
          const probe = script.probe?.[Math.min(counts.probes, script.probe.length - 1)];
          counts.probes += 1;
          await probe?.();
        }),
        serve: fromPromise<HeadscaleYield, { readonly task: HeadscaleTask }>(async ({ input: { task } }) => {
          const serve = script.serve?.[Math.min(counts.serves, script.serve.length - 1)];
          counts.serves += 1;
          counts.busy += 1;
          counts.mostBusy = Math.max(counts.mostBusy, counts.busy);
          try {
            return (await serve?.(task)) ?? {};
          } finally {
            counts.busy -= 1;
          }
        }),
      },
    }),
    { input: { ...input, authenticates: script.authenticates ?? true }, clock },
  ).start();
  const at = (state: "connected" | "backingOff" | "refused") =>
    until(() => actor.getSnapshot().matches(state), state);
  return { actor, clock, counts, at };
}

describe("headscale", () => {
  test("asks nothing once it is connected", async () => {
    const { at, counts, clock } = start({});
    await at("connected");
    expect(clock.running()).toEqual([]);
    expect(counts).toMatchObject({ probes: 1, serves: 0 });
  });

  test("a refused key is not tried again until it is replaced", async () => {
    const { actor, at, counts, clock } = start({
      probe: [() => Promise.reject(refused), async () => undefined],
    });
    await at("refused");
    expect(clock.running()).toEqual([300_000]);
    expect(counts.probes).toBe(1);
    expect(actor.getSnapshot().context.failure).toMatchObject({ code: "UNAUTHORIZED" });
    actor.send({ type: "credentials.replaced" });
    await at("connected");
    expect(actor.getSnapshot().context.failure).toBeNull();
    expect(counts.probes).toBe(2);
  });

  test("asks again with a key that is replaced while the request with the old one is under way", async () => {
    const old = Promise.withResolvers<HeadscaleYield>();
    const { actor, at, counts } = start({ serve: [() => old.promise, async () => ({ serving: [] })] });
    const asker = recorder<ApprovalReply>();
    await at("connected");
    actor.send({ ...approval, replyTo: asker.ref });
    expect(counts.serves).toBe(1);
    actor.send({ type: "credentials.replaced" });
    old.reject(refused);
    await until(() => asker.events.length > 0, "answered");
    expect(asker.types()).toEqual(["approval.granted"]);
    expect(counts).toMatchObject({ probes: 2, serves: 2 });
  });

  test("waits longer after each failed probe, up to a minute", async () => {
    const { at, actor, clock, counts } = start({ probe: [() => Promise.reject(away)] });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await until(
        () => counts.probes === attempt + 1 && actor.getSnapshot().matches("backingOff"),
        "a probe",
      );
      const [waitMs = 0] = clock.running();
      waits.push(waitMs);
      clock.fire(waitMs);
    }
    await at("backingOff");
    // Half to the whole of 1 s doubled, at most 60 s.
    for (const [attempt, waitMs] of waits.entries()) {
      const whole = Math.min(1000 * 2 ** attempt, 60_000);
      expect(waitMs).toBeGreaterThanOrEqual(whole / 2);
      expect(waitMs).toBeLessThanOrEqual(whole);
    }
  });

  test("control that is lost leads to probes until it answers, control that is restored to one at once", async () => {
    const { actor, at, counts } = start({ probe: [async () => undefined] });
    await at("connected");
    actor.send({ type: "control.lost" });
    await at("backingOff");
    expect(counts.probes).toBe(1);
    actor.send({ type: "control.restored" });
    await at("connected");
    expect(counts.probes).toBe(2);
  });

  test("works through requests one after another and answers each to its asker", async () => {
    const { actor, at, counts } = start({
      serve: [async (task) => (task.kind === "authKey" ? { authKey: "k" } : {})],
    });
    const [one, two] = [recorder<ApprovalReply>(), recorder<AuthKeyReply>()];
    actor.send({ ...approval, replyTo: one.ref });
    actor.send({ type: "authKey.wanted", replyTo: two.ref });
    await until(() => one.events.length + two.events.length === 2, "both answers");
    expect(one.events).toEqual([{ type: "approval.granted", serving: [] }]);
    expect(two.events).toEqual([{ type: "authKey.granted", authKey: "k" }]);
    expect(counts.mostBusy).toBe(1);
    await at("connected");
  });

  test("a request that meets an absent server waits and is answered when the server is back", async () => {
    const { actor, at, clock } = start({ serve: [() => Promise.reject(away), async () => ({})] });
    const asker = recorder<ApprovalReply>();
    actor.send({ ...approval, replyTo: asker.ref });
    await at("backingOff");
    expect(asker.events).toEqual([]);
    const [waitMs = 0] = clock.running();
    clock.fire(waitMs);
    await until(() => asker.events.length === 1, "the answer");
    expect(asker.events).toEqual([{ type: "approval.granted", serving: [] }]);
  });

  test("a request that the server rejects is answered with the reason", async () => {
    const { actor } = start({ serve: [() => Promise.reject(unknown)] });
    const asker = recorder<ApprovalReply>();
    actor.send({ ...approval, replyTo: asker.ref });
    await until(() => asker.events.length === 1, "the answer");
    expect(asker.events).toMatchObject([{ type: "approval.failed", failure: { code: "NOT_FOUND" } }]);
  });

  test("the place of a node that left is cleared, under the name that it had in the tailnet", async () => {
    const tasks: HeadscaleTask[] = [];
    const serve = async (task: HeadscaleTask) => {
      tasks.push(task);
      return {};
    };
    const { actor, at } = start({ serve: [serve] });
    await at("connected");
    actor.send(departed);
    await until(() => tasks.length === 1, "the task");
    expect(tasks).toEqual([{ kind: "departure", hostname: "k8s-n9", prefixes: ["10.244.9.0/24"] }]);
    const keyless = start({ serve: [serve], authenticates: false });
    await keyless.at("connected");
    keyless.actor.send(departed);
    expect(keyless.counts.serves).toBe(0);
  });

  test("without an API key requests are refused at once", async () => {
    const { actor, counts } = start({ authenticates: false });
    const asker = recorder<AuthKeyReply>();
    actor.send({ type: "authKey.wanted", replyTo: asker.ref });
    expect(asker.events).toMatchObject([
      { type: "authKey.failed", failure: { code: "CREDENTIALS_MISSING" } },
    ]);
    expect(counts.serves).toBe(0);
  });
});
