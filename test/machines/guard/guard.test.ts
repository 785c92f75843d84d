import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, createActor, fromCallback, fromPromise } from "xstate";
import type {
  CheckResult,
  GuardEvent,
  GuardLook,
  GuardReport,
  NamespaceHeld,
  RepairOrder,
  RepairResult,
} from "../../../machines/guard/guard-events.ts";
import { guardMachine } from "../../../machines/guard/guard-machine.ts";
import type { GuardInvariant } from "../../../src/domain/guard/guard-invariants.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const ownPrefixes = ["10.244.1.0/24"];
const services = ["10.97.0.0/24"];
const opened: GuardEvent = { type: "tailnetNamespace.opened", replyTo: recorder<NamespaceHeld>().ref };
const changed = (scope: "kernel" | "all"): GuardEvent => ({ type: "kernel.changed", scope });

/** A guard over a world in which `broken` does not hold until it is repaired, `stubborn` never does. */
function start() {
  const world = {
    broken: new Set<GuardInvariant>(),
    stubborn: new Set<GuardInvariant>(),
    unrepairable: new Set<GuardInvariant>(),
    at: 1_000,
    checks: [] as GuardLook[],
    repairs: [] as RepairOrder[],
    checkFails: false,
  };
  const present = () => [...new Set([...world.broken, ...world.stubborn, ...world.unrepairable])];
  const check = fromPromise<CheckResult, GuardLook>(({ input }) => {
    world.checks.push(input);
    if (world.checkFails) return Promise.reject(new Error("no answer"));
    return Promise.resolve({ broken: present(), at: world.at });
  });
  const repair = fromPromise<RepairResult, RepairOrder>(({ input }) => {
    world.repairs.push(input);
    const tried = present().filter((invariant) => !input.leave.includes(invariant));
    const refused = tried
      .filter((invariant) => world.unrepairable.has(invariant))
      .map((invariant) => ({ invariant, failure: { code: "REFUSED", message: "no" } }));
    world.broken.clear();
    const repaired = tried.filter((invariant) => !world.unrepairable.has(invariant));
    return Promise.resolve({ repaired, refused, at: world.at });
  });
  const watch = fromCallback<GuardEvent, undefined>(() => () => undefined);
  const parent = recorder<GuardReport>();
  const clock = manualClock();
  const actor = createActor(guardMachine.provide({ actors: { check, repair, watch } }), {
    input: { health: recorder<GuardReport>().ref, parent: parent.ref, ownPrefixes, services: [] },
    clock,
  });
  const rests = (state: string) => until(() => actor.getSnapshot().value === state, `the guard is ${state}`);
  return { world, actor, parent, clock, rests };
}

async function startHeld() {
  const started = start();
  started.actor.start();
  started.actor.send(opened);
  await started.rests("holding");
  return started;
}

describe("guard", () => {
  it("takes every transition", async () => {
    const result = (broken: readonly GuardInvariant[], at: number): CheckResult => ({ broken, at });
    const rule: GuardInvariant = "node.ownRule";
    await walkAllTransitions(guardMachine, {
      input: {
        health: recorder<GuardReport>().ref,
        parent: recorder<GuardReport>().ref,
        ownPrefixes,
        services: [],
      },
      events: [
        opened,
        changed("kernel"),
        changed("all"),
        { type: "services.changed", prefixes: services },
        { type: "tailnetNamespace.closed" },
      ],
      outcomes: {
        check: { done: [result([], 0), result([rule], 0), result([rule], 9_000_000)] },
        repair: {
          done: [
            { repaired: [rule], refused: [], at: 0 },
            {
              repaired: [],
              refused: [{ invariant: rule, failure: { code: "REFUSED", message: "no" } }],
              at: 0,
            },
          ],
        },
      },
      stateKey: ({ context }: AnyMachineSnapshot) => [
        context.scope,
        context.pending,
        context.failure !== null,
        Math.min(context.ledger.streaks[rule]?.count ?? 0, 5),
        context.contested.length,
      ],
    });
  });

  it("reports held once all holds in both namespaces, not before X is open", async () => {
    const { actor, parent, world, rests } = start();
    actor.start();
    await rests("holding");
    expect(parent.types()).toEqual([]);
    actor.send(opened);
    await until(() => parent.types().includes("guard.held"), "held");
    expect(world.checks).toEqual([
      { scope: "all", tailnetOpen: false, ownPrefixes, services: [] },
      { scope: "all", tailnetOpen: true, ownPrefixes, services: [] },
    ]);
  });

  it("answers who opened X once that is repaired, and once only", async () => {
    const { actor, world, rests } = start();
    const opener = recorder<NamespaceHeld>();
    world.broken.add("node.ownRule");
    actor.start();
    await rests("holding");
    world.broken.add("node.ownRule");
    actor.send({ type: "tailnetNamespace.opened", replyTo: opener.ref });
    await until(() => opener.types().length > 0, "answered");
    expect(world.repairs).toHaveLength(2);
    await rests("holding");
    world.broken.add("node.ownRule");
    actor.send(changed("kernel"));
    await until(() => world.repairs.length === 3, "repaired again");
    await rests("holding");
    expect(opener.types()).toEqual(["tailnetNamespace.held"]);
  });

  it("repairs what a change broke, looks again and reports both", async () => {
    const { actor, parent, world, rests } = await startHeld();
    world.broken.add("node.ownRule");
    actor.send(changed("kernel"));
    await until(() => world.repairs.length === 1, "repaired");
    await rests("holding");
    expect(parent.types()).toEqual(["guard.held", "guard.repairing", "guard.held"]);
    expect(parent.events[1]).toEqual({ type: "guard.repairing", invariants: ["node.ownRule"] });
    expect(actor.getSnapshot().context.ledger.repairs).toEqual({ "node.ownRule": 1 });
    expect(world.checks.at(-1)).toEqual({ scope: "kernel", tailnetOpen: true, ownPrefixes, services: [] });
  });

  it("does not count the first making as repairs", async () => {
    const { actor, world, rests } = start();
    world.broken.add("node.firewall");
    actor.start();
    actor.send(opened);
    await rests("holding");
    expect(world.repairs.length).toBeGreaterThan(0);
    expect(actor.getSnapshot().context.ledger.repairs).toEqual({});
  });

  it("notifications of its own repair lead to one more look and to no repair", async () => {
    const { actor, world, rests } = await startHeld();
    world.broken.add("node.firewall");
    actor.send(changed("all"));
    actor.send(changed("all"));
    await until(() => world.repairs.length === 1, "repaired");
    actor.send(changed("all"));
    await rests("holding");
    const looks = world.checks.length;
    actor.send(changed("all"));
    await until(() => world.checks.length === looks + 1, "one look");
    await rests("holding");
    expect(world.repairs).toHaveLength(1);
  });

  it("a change of the firewall during a look at the kernel makes the next look wide", async () => {
    const { actor, world, rests } = await startHeld();
    actor.send(changed("kernel"));
    actor.send(changed("all"));
    await until(() => world.checks.at(-1)?.scope === "all" && world.checks.length >= 4, "a wide look");
    await rests("holding");
  });

  it("looks at everything each minute", async () => {
    const { clock, world } = await startHeld();
    const looks = world.checks.length;
    expect(clock.fire(60_000)).toBe(true);
    await until(() => world.checks.length === looks + 1, "a look");
    expect(world.checks.at(-1)?.scope).toBe("all");
  });

  it("leaves alone for a while what is undone at once, and repairs the rest meanwhile", async () => {
    const { actor, parent, world, rests, clock } = await startHeld();
    world.stubborn.add("node.supernetRule");
    actor.send(changed("kernel"));
    await rests("fighting");
    expect(world.repairs).toHaveLength(5);
    expect(parent.events.at(-1)).toEqual({ type: "guard.fighting", invariants: ["node.supernetRule"] });
    world.broken.add("node.ownRule");
    actor.send(changed("kernel"));
    await until(() => world.repairs.length === 6, "the other one is repaired");
    await rests("fighting");
    expect(world.repairs.at(-1)?.leave).toEqual(["node.supernetRule"]);
    expect(actor.getSnapshot().context.ledger.repairs["node.supernetRule"]).toBe(5);
    const { truceMs } = actor.getSnapshot().context;
    expect(truceMs).toBeGreaterThan(0);
    world.at += truceMs;
    world.stubborn.clear();
    world.broken.add("node.supernetRule");
    clock.fire(truceMs);
    await rests("holding");
    expect(parent.types().at(-1)).toBe("guard.held");
  });

  it("waits longer after each failure, holds the rest meanwhile and names the first refusal", async () => {
    const { actor, parent, world, rests, clock } = await startHeld();
    world.unrepairable.add("node.foreignFirewall");
    actor.send(changed("all"));
    await rests("backingOff");
    expect(parent.events.at(-1)).toEqual({
      type: "guard.failed",
      failure: { code: "REFUSED", message: "node.foreignFirewall: no" },
    });
    const first = actor.getSnapshot().context.retryMs;
    clock.fire(first);
    await until(() => actor.getSnapshot().context.attempts === 2, "a second failure");
    await rests("backingOff");
    expect(actor.getSnapshot().context.retryMs).toBeGreaterThan(first);
  });

  it("a look at something else does not put off the next try", async () => {
    const { actor, world, rests } = await startHeld();
    world.unrepairable.add("node.foreignFirewall");
    actor.send(changed("all"));
    await rests("backingOff");
    const { retryMs } = actor.getSnapshot().context;
    world.unrepairable.clear();
    actor.send(changed("kernel"));
    await rests("backingOff");
    world.at += retryMs - 100;
    actor.send(changed("kernel"));
    await until(() => actor.getSnapshot().context.retryMs === 100, "the rest of the wait");
    expect(actor.getSnapshot().context.failure).not.toBeNull();
  });

  it("a check that fails is a failure and heals by itself", async () => {
    const { actor, parent, world, rests, clock } = await startHeld();
    world.checkFails = true;
    actor.send(changed("kernel"));
    await rests("backingOff");
    expect(parent.events.at(-1)).toEqual({
      type: "guard.failed",
      failure: { code: "UNEXPECTED", message: "no answer" },
    });
    world.checkFails = false;
    clock.fire(actor.getSnapshot().context.retryMs);
    await rests("holding");
    expect(parent.types().at(-1)).toBe("guard.held");
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  it("keeps its context plain", async () => {
    const { actor } = await startHeld();
    const { parent: _parent, health: _health, opener: _opener, ...context } = actor.getSnapshot().context;
    expect(JSON.parse(JSON.stringify(context))).toEqual(context);
  });
});

describe("guard without X", () => {
  it("holds the node alone once X is known to be away, and both again when it is back", async () => {
    const { world, actor, parent, rests } = start();
    actor.start();
    await rests("holding");
    expect(parent.types()).toEqual([]);
    actor.send({ type: "tailnetNamespace.closed" });
    await rests("holding");
    expect(parent.types()).toEqual(["guard.held"]);
    expect(world.checks.at(-1)?.tailnetOpen).toBe(false);
    actor.send(opened);
    await rests("holding");
    expect(parent.types()).toEqual(["guard.held", "guard.held"]);
    expect(world.checks.at(-1)?.tailnetOpen).toBe(true);
  });
});
