import { describe, expect, it } from "vitest";
import type { GuardEvent } from "../../../machines/guard/guard-events.ts";
import { guardMachine } from "../../../machines/guard/guard-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { GuardInvariant } from "../../../src/domain/guard/guard-invariants.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const ownPrefixes = ["10.244.1.0/24"];
const services = ["10.97.0.0/24"];
const rule: GuardInvariant = "node.ownRule";
const otherRule: GuardInvariant = "node.supernetRule";
const opener = { to: "opener", type: "tailnetNamespace.held" };
const change = (scope: "kernel" | "all"): GuardEvent => ({ type: "kernel.changed", scope });
const retry = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 30_000 }, "guard");
const sees = (found: readonly GuardInvariant[] = [], at = 0) => ({ broken: found, at });
const repaired = (at = 0, ...invariants: GuardInvariant[]) => ({ repaired: invariants, refused: [], at });

/** Health and the root are told the same. */
function told(type: string, more = {}) {
  return ["health", "parent"].map((to) => ({ to, type, ...more }));
}

function look(scope: "kernel" | "all", tailnetOpen: boolean) {
  return { start: "check", input: { scope, tailnetOpen, ownPrefixes, services } };
}

function repair(scope: "kernel" | "all", leave: readonly GuardInvariant[] = []) {
  return { start: "repair", input: { scope, tailnetOpen: true, ownPrefixes, services, leave } };
}

function started() {
  const guard = drive(guardMachine, {
    health: recipient("health"),
    parent: recipient("parent"),
    ownPrefixes,
    services,
  });
  return { ...guard, first: guard.start() };
}

const open = (): GuardEvent => ({ type: "tailnetNamespace.opened", replyTo: recipient("opener") });

/** Everything holds, in both namespaces. */
function holding() {
  const guard = started();
  guard.send(open());
  guard.done("check", sees());
  return guard;
}

/** The guard found `rule` broken in a wide look. */
function repairing() {
  const guard = holding();
  guard.send(change("all"));
  guard.done("check", sees([rule]));
  return guard;
}

describe("the guard", () => {
  it("looks at all at its start, and says nothing before X is there", () => {
    const { first, done, timers, at } = started();
    expect(first).toEqual([{ start: "watch" }, look("all", false)]);
    expect(timers()).toEqual([10_000]);
    expect(done("check", sees())).toEqual([]);
    expect(at()).toBe("holding");
    expect(timers()).toEqual([60_000]);
  });

  it("answers who opened X once all holds, and tells health and the root, once", () => {
    const { send, done, fire } = started();
    expect(send(open())).toEqual([look("all", true), { stop: "check" }]);
    expect(done("check", sees())).toEqual([opener, ...told("guard.held")]);
    expect(fire(60_000)).toEqual([look("all", true)]);
    expect(done("check", sees())).toEqual([]);
    send(open());
    expect(done("check", sees())).toEqual([opener, ...told("guard.held")]);
  });

  it("holds the node alone while there is no X, and answers nobody who opened one that went", () => {
    const { send, done } = started();
    send(open());
    expect(send({ type: "tailnetNamespace.closed" })).toEqual([look("all", false), { stop: "check" }]);
    expect(done("check", sees())).toEqual(told("guard.held"));
  });

  it("looks only at what changed, and anew at what changes meanwhile", () => {
    const { send, done, at } = holding();
    expect(send(change("kernel"))).toEqual([look("kernel", true)]);
    expect(send(change("all"))).toEqual([]);
    expect(send(change("kernel"))).toEqual([]);
    expect(done("check", sees())).toEqual([look("all", true)]);
    expect(send(change("kernel"))).toEqual([]);
    expect(done("check", sees())).toEqual([look("kernel", true)]);
    expect(done("check", sees())).toEqual([]);
    expect(at()).toBe("holding");
  });

  it("looks at all when X comes or goes and each minute, whatever it looked at last", () => {
    const { send, done, fire } = holding();
    const lookAtKernel = () => {
      send(change("kernel"));
      done("check", sees());
    };
    lookAtKernel();
    expect(fire(60_000)).toEqual([look("all", true)]);
    done("check", sees());
    lookAtKernel();
    expect(send({ type: "tailnetNamespace.closed" })).toEqual([look("all", false)]);
    done("check", sees());
    send(change("kernel"));
    done("check", sees());
    expect(send(open())).toEqual([look("all", true)]);
  });

  it("holds a node on which X never was, and waits as at first when its first look fails", () => {
    const { send, done, fail, fire, timers } = started();
    fail("check", broken);
    expect(timers()).toEqual([retry(0)]);
    fire(retry(0));
    send({ type: "tailnetNamespace.closed" });
    expect(done("check", sees())).toEqual(told("guard.held"));
  });

  it("is not fighting, and repairs nothing, however often X's other tables change with what peers announce", () => {
    const { send, done, at, context } = holding();
    for (let round = 0; round < 50; round += 1) {
      expect(send(change("all"))).toEqual([look("all", true)]);
      expect(done("check", sees())).toEqual([]);
      expect(at()).toBe("holding");
    }
    expect(context().ledger).toEqual({ repairs: {}, streaks: {} });
  });

  it("repairs what is broken, looks again, and counts it only once everything has held", () => {
    const { send, done, timers, context } = holding();
    send(change("kernel"));
    expect(done("check", sees([rule]))).toEqual([
      repair("kernel"),
      ...told("guard.repairing", { invariants: [rule] }),
    ]);
    expect(timers()).toEqual([15_000]);
    expect(done("repair", repaired(2, rule))).toEqual([look("kernel", true)]);
    expect(context().ledger).toEqual({
      repairs: { [rule]: 1 },
      streaks: { [rule]: { count: 1, lastAt: 2 } },
    });
    expect(done("check", sees())).toEqual(told("guard.held"));
    expect(context().broken).toEqual([]);
    const before = started();
    before.done("check", sees([rule]));
    before.done("repair", repaired(2, rule));
    expect(before.context().ledger.repairs).toEqual({});
  });

  it("looks at all by other Services as soon as they change; what it makes for them is no repair", () => {
    const { send, done, context } = holding();
    const prefixes = [...services, "10.98.0.0/24"];
    const anew = {
      start: "check",
      input: { scope: "all", tailnetOpen: true, ownPrefixes, services: prefixes },
    };
    expect(send({ type: "services.changed", prefixes })).toEqual([anew]);
    expect(done("check", sees(["node.firewall"]))).toEqual([
      { start: "repair", input: { ...anew.input, leave: [] } },
      ...told("guard.repairing", { invariants: ["node.firewall"] }),
    ]);
    expect(send({ type: "services.changed", prefixes: [] })).toEqual([
      { start: "check", input: { ...anew.input, services: [] } },
      { stop: "repair" },
    ]);
    done("check", sees(["node.firewall"]));
    done("repair", repaired(2, "node.firewall"));
    expect(done("check", sees())).toEqual(told("guard.held"));
    expect(context().ledger.repairs).toEqual({});
    expect(context().everHeld).toBe(true);
    send({ type: "services.changed", prefixes });
    expect(context().ledger.streaks).toEqual({});
    expect(done("check", sees())).toEqual(told("guard.held"));
    expect(context().everHeld).toBe(true);
    send(change("all"));
    done("check", sees(["node.firewall"], 3));
    done("repair", repaired(3, "node.firewall"));
    expect(context().ledger.repairs).toEqual({ "node.firewall": 1 });
  });

  it("leaves to the other side what it undoes five times, repairs the rest, and tries again after the truce", () => {
    const { send, done, fire, timers, at, context } = holding();
    send(change("all"));
    for (let time = 0; time < 5; time += 1) {
      done("check", sees([rule], time));
      done("repair", repaired(time, rule));
    }
    const { count } = context().ledger.streaks[rule];
    expect(count).toBe(5);
    expect(done("check", sees([rule], 4))).toEqual(told("guard.fighting", { invariants: [rule] }));
    expect(at()).toBe("fighting");
    const [truceMs = 0] = timers();
    expect(truceMs).toBe(backoffDelay(0, { firstMs: 1_000, maxMs: 30_000 }, "guard"));
    expect(send(change("kernel"))).toEqual([look("kernel", true)]);
    expect(done("check", sees([rule, otherRule], 4))).toEqual([
      repair("kernel", [rule]),
      ...told("guard.repairing", { invariants: [rule, otherRule] }),
    ]);
    done("repair", repaired(4, otherRule));
    expect(done("check", sees([rule], 4))).toEqual(told("guard.fighting", { invariants: [rule] }));
    expect(fire(truceMs)).toEqual([look("all", true)]);
    expect(done("check", sees())).toEqual(told("guard.held"));
    expect(context()).toMatchObject({ broken: [], contested: [], truceMs: 0 });
    send(change("kernel"));
    expect(done("check", sees([rule], 4))).toEqual(told("guard.fighting", { invariants: [rule] }));
    send(change("all"));
    expect(done("check", sees())).toEqual(told("guard.held"));
  });

  it("reports a refused repair with the invariant that was refused first, and what it repaired besides", () => {
    const { done, fire, at, timers, context } = repairing();
    const failure = { code: "REFUSED", message: "node.ownRule: no" };
    const refused = [
      { invariant: rule, failure: { code: "REFUSED", message: "no" } },
      { invariant: otherRule, failure: { code: "OTHER", message: "no" } },
    ];
    expect(done("repair", { repaired: ["node.firewall"], refused, at: 3 })).toEqual([
      counted(failure),
      ...told("guard.failed", { failure }),
    ]);
    expect(at()).toBe("backingOff");
    expect(timers()).toEqual([retry(0)]);
    expect(context().ledger.repairs).toEqual({ "node.firewall": 1 });
    expect(fire(retry(0))).toEqual([look("all", true)]);
    expect(done("check", sees())).toEqual(told("guard.held"));
    expect(context().failure).toBeNull();
  });

  it.each([
    ["a check fails", (guard: ReturnType<typeof holding>) => guard.fail("check", broken), brokenFailure],
    [
      "a check does not end",
      (guard: ReturnType<typeof holding>) => guard.fire(10_000),
      { code: "TIMEOUT", message: "the check took more than 10 s" },
    ],
    ["the watch fails", (guard: ReturnType<typeof holding>) => guard.fail("watch", broken), brokenFailure],
  ] as const)("tells that %s, and looks again", (_, happen, failure) => {
    const guard = holding();
    guard.send(change("kernel"));
    const effects = happen(guard).filter((effect) => !("stop" in effect));
    expect(effects).toEqual([counted(failure), ...told("guard.failed", { failure })]);
    expect(guard.at()).toBe("backingOff");
    expect(guard.fire(retry(0))).toEqual([look("all", true)]);
    expect(guard.done("check", sees())).toEqual(told("guard.held"));
  });

  it("tells that a repair fails or does not end, and waits longer from time to time, half a minute at most", () => {
    const { send, done, fail, fire, timers, at } = repairing();
    const late = { code: "TIMEOUT", message: "the repair took more than 15 s" };
    expect(fire(15_000)).toEqual([
      { stop: "repair" },
      counted(late),
      ...told("guard.failed", { failure: late }),
    ]);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(at()).toBe("backingOff");
      expect(timers()).toEqual([retry(attempt)]);
      fire(retry(attempt));
      done("check", sees([rule]));
      expect(fail("repair", broken)).toEqual([
        counted(),
        ...told("guard.failed", { failure: brokenFailure }),
      ]);
    }
    fire(retry(8));
    done("check", sees());
    send(change("all"));
    fail("check", broken);
    expect(timers()).toEqual([retry(0)]);
  });

  it("does not put off the next try by a look at something else, nor forget what failed", () => {
    const { send, done, fail, fire, timers, context } = repairing();
    fail("repair", broken);
    expect(send(change("kernel"))).toEqual([look("kernel", true)]);
    expect(done("check", sees([], 5_000))).toEqual([]);
    expect(timers()).toEqual([retry(0)]);
    send(change("kernel"));
    done("check", sees([], 5_100));
    expect(timers()).toEqual([retry(0) - 100]);
    send(change("kernel"));
    done("check", sees([], 90_000));
    expect(timers()).toEqual([0]);
    expect(context().failure).toEqual(brokenFailure);
    fire(0);
    fail("check", broken);
    send(change("kernel"));
    done("check", sees([], 100_000));
    expect(timers()).toEqual([retry(1)]);
    send(change("all"));
    expect(done("check", sees([], 100_000))).toEqual(told("guard.held"));
  });
});
