import { describe, expect, it } from "vitest";
import { allowlistKeeperMachine } from "../../../machines/wire/allowlist-keeper-machine.ts";
import { wireResolverMachine } from "../../../machines/wire/resolver-machine.ts";
import { wireMachine } from "../../../machines/wire/wire-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const process = { pid: 42, startTime: "1000" };
const failure = { code: "EXITED", message: "tailscaled ended by SIGKILL" };
const ended = { type: "tailscaled.ended", failure } as const;
const answered = { type: "tailscaled.answered", process } as const;
const publish = (who: typeof process | null) => ({ start: "publish", input: { process: who } });
const launch = { start: "tailscaled" };
const restart = (failures: number) => backoffDelay(failures, { firstMs: 100, maxMs: 30_000 }, "n1");

function started(guarded = false) {
  const wire = drive(wireMachine, { seed: "n1", guarded });
  return { ...wire, first: wire.start() };
}

function serving(nameservers: readonly string[] = []) {
  const wire = started();
  wire.done("prepare", nameservers);
  wire.done("publish");
  return wire;
}

function young() {
  const wire = serving();
  wire.send(answered);
  wire.done("publish");
  return wire;
}

describe("headcni-wire", () => {
  it("makes X, says that nobody runs in it, runs tailscaled and says who that is", () => {
    const { first, done, send, at } = started();
    expect(first).toEqual([{ start: "prepare" }]);
    expect(done("prepare", [])).toEqual([publish(null)]);
    expect(done("publish")).toEqual([launch]);
    expect(at()).toEqual({ serving: "starting" });
    expect(send(answered)).toEqual([publish(process)]);
    expect(done("publish")).toEqual([]);
    expect(at()).toEqual({ serving: "young" });
  });

  it("with Kubernetes starts tailscaled only once X lets in nothing that is not believed", () => {
    const { done, send, at, timers } = started(true);
    const keeper = {
      start: "allowlistKeeper",
      input: { seed: "n1", parent: "<wire>", believed: nobodyBelieved },
    };
    expect(done("prepare", [])).toEqual([keeper]);
    expect(at()).toBe("enclosing");
    expect(timers()).toEqual([]);
    expect(send(answered)).toEqual([]);
    expect(send({ type: "allowlist.inForce" })).toEqual([publish(null)]);
    expect(done("publish")).toEqual([launch]);
  });

  it("ends also while X is not closed yet", () => {
    const { done, send } = started(true);
    done("prepare", []);
    expect(send({ type: "wire.stop" })).toEqual([{ start: "retract" }]);
  });

  it("runs a resolver where nameservers need one, and continues without it", () => {
    const { done, fail, actor, at } = started();
    const run = { start: "resolver", input: { addresses: ["127.0.0.53"], seed: "n1" } };
    expect(done("prepare", ["127.0.0.53"])).toEqual([publish(null), run].toReversed());
    const running = () => Object.keys(actor.getSnapshot().children);
    expect(running()).toContain("resolver");
    fail("resolver", broken);
    expect(running()).not.toContain("resolver");
    expect(at()).toBe("announcing");
  });

  it("runs a resolver no more that ended by itself", () => {
    const { done, actor } = serving(["127.0.0.53"]);
    done("resolver");
    expect(Object.keys(actor.getSnapshot().children)).not.toContain("resolver");
  });

  it("tries to make X ever more slowly, and has forgotten that once it stands", () => {
    const { done, fail, fire, timers, at, context } = started();
    for (let failures = 0; failures < 10; failures += 1) {
      expect(fail("prepare", broken)).toEqual([counted()]);
      expect(at()).toBe("unprepared");
      expect(timers()).toEqual([restart(failures)]);
      expect(fire(restart(failures))).toEqual([{ start: "prepare" }]);
    }
    expect(context()).toMatchObject({ failures: 10, failure: brokenFailure });
    done("prepare", []);
    expect(context()).toMatchObject({ failures: 0, failure: null });
  });

  it("serves also where it cannot say so", () => {
    const { done, fail } = started();
    done("prepare", []);
    expect(fail("publish", broken)).toEqual([launch, counted()]);
  });

  it("says again after a second who runs, where that could not be written", () => {
    const { send, fail, fire, timers, at } = serving();
    send(answered);
    expect(fail("publish", broken)).toEqual([counted()]);
    expect(at()).toEqual({ serving: "unpublished" });
    expect(timers()).toEqual([1_000]);
    expect(fire(1_000)).toEqual([publish(process)]);
  });

  it("starts tailscaled again after it says that nobody runs, ever more slowly while it does not stay", () => {
    const { send, done, fail, fire, timers, at, context } = serving();
    expect(send(ended)).toEqual([publish(null), { stop: "tailscaled" }, counted(failure)]);
    for (let failures = 0; failures < 10; failures += 1) {
      expect(at()).toBe("fallen");
      done("publish");
      expect(timers()).toEqual([restart(failures)]);
      expect(fire(restart(failures))).toEqual([launch]);
      expect(fail("tailscaled", broken)).toEqual([publish(null), counted()]);
    }
    expect(context()).toMatchObject({ failures: 11, failure: brokenFailure });
    expect(fail("publish", broken)).toEqual([counted()]);
    expect(at()).toBe("backingOff");
  });

  it("has forgotten failures after a second, and is steady after 20 s", () => {
    const { send, done, fire, timers, at, context } = serving();
    send(ended);
    done("publish");
    fire(restart(0));
    send(answered);
    done("publish");
    expect(timers()).toEqual([1_000, 20_000]);
    expect(fire(1_000)).toEqual([]);
    expect(context()).toMatchObject({ failures: 0, failure: null, process });
    expect(fire(20_000)).toEqual([]);
    expect(at()).toEqual({ serving: "steady" });
    send(ended);
    expect(context().process).toBeNull();
    done("publish");
    expect(timers()).toEqual([restart(0)]);
  });

  it("ends tailscaled before itself, and removes its record last", () => {
    const { send, done, at, actor } = young();
    expect(send({ type: "wire.stop" })).toEqual([{ to: "tailscaled", type: "tailscaled.end" }]);
    expect(send({ type: "wire.stop" })).toEqual([]);
    expect(send(answered)).toEqual([]);
    expect(at()).toEqual({ serving: "ending" });
    expect(send(ended)).toEqual([{ start: "retract" }, { stop: "tailscaled" }]);
    expect(send({ type: "wire.stop" })).toEqual([]);
    expect(at()).toBe("leaving");
    expect(done("retract")).toEqual([]);
    expect(at()).toBe("stopped");
    expect(actor.getSnapshot().status).toBe("done");
  });

  it("ends at once where no tailscaled runs, whatever becomes of its word", () => {
    const { send, fail, at } = started();
    expect(send({ type: "wire.stop" })).toEqual([{ start: "retract" }, { stop: "prepare" }]);
    expect(fail("retract", broken)).toEqual([counted()]);
    expect(at()).toBe("stopped");
  });
});

describe("the keeper of the allowlist", () => {
  it("starts it again a second after it failed, and knows the failure until it lasted for 20 s", () => {
    const left = { prefixes: ["10.244.2.0/24"], nodes: [] };
    const keeper = drive(allowlistKeeperMachine, { seed: "n1", parent: recipient("wire"), believed: left });
    const run = { start: "allowlist", input: { seed: "n1", parent: "<wire>", believed: nobodyBelieved } };
    expect(keeper.start()).toEqual([{ ...run, input: { ...run.input, believed: left } }]);
    for (let round = 0; round < 3; round += 1) {
      expect(keeper.fail("allowlist", broken)).toEqual([counted()]);
      expect(keeper.at()).toBe("crashed");
      expect(keeper.context()).toMatchObject({ failure: brokenFailure });
      expect(keeper.timers()).toEqual([1_000]);
      expect(keeper.fire(1_000)).toEqual([run]);
      expect(keeper.at()).toEqual({ keeping: "young" });
    }
    expect(keeper.context()).toMatchObject({ failure: brokenFailure });
    expect(keeper.fire(20_000)).toEqual([]);
    expect(keeper.at()).toEqual({ keeping: "steady" });
    expect(keeper.context()).toMatchObject({ failure: null });
  });
});

describe("the resolver", () => {
  const wait = (failures: number) => backoffDelay(failures, { firstMs: 1_000, maxMs: 30_000 }, "n1");

  it("is started again ever more slowly, and soon again once it stayed for 20 s", () => {
    const resolver = drive(wireResolverMachine, { addresses: ["127.0.0.53"], seed: "n1" });
    const run = { start: "run", input: { addresses: ["127.0.0.53"] } };
    expect(resolver.start()).toEqual([run]);
    for (let failures = 0; failures < 7; failures += 1) {
      expect(resolver.send({ type: "resolver.ended", failure })).toEqual([{ stop: "run" }, counted(failure)]);
      expect(resolver.at()).toBe("backingOff");
      expect(resolver.timers()).toEqual([wait(failures)]);
      expect(resolver.fire(wait(failures))).toEqual([run]);
    }
    expect(resolver.context().failure).toEqual(failure);
    expect(resolver.timers()).toEqual([20_000]);
    resolver.fire(20_000);
    expect(resolver.context()).toMatchObject({ failures: 0, failure: null });
    expect(resolver.at()).toEqual({ running: "steady" });
    expect(resolver.fail("run", broken)).toEqual([counted()]);
    expect(resolver.timers()).toEqual([wait(0)]);
  });
});
