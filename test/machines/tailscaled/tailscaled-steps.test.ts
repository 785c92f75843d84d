import { describe, expect, it } from "vitest";
import { tailscaledMachine } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const wanted = { controlUrl: "http://10.99.0.1:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };
const found = { pid: 42, startTime: "1000", attended: true };
const restart = (failures: number) => backoffDelay(failures, { firstMs: 100, maxMs: 30_000 }, "n1");
const opened = { to: "guard", type: "tailnetNamespace.opened", replyTo: "<tailscaled>" };
const ended = [
  { to: "health", type: "tailscale.down", reason: "EXITED" },
  { to: "routes", type: "tailnet.changed", status: noTailnet },
];
const seek = { start: "seek" };

function session(arrival: "adopted" | "restarted") {
  const process = { pid: 42, startTime: "1000" };
  const refs = {
    headscale: "<headscale>",
    health: "<health>",
    routes: "<routes>",
    node: null,
    parent: "<tailscaled>",
  };
  return { start: "tailnet", input: { process, arrival, wanted, authKeyFrom: "credentials", ...refs } };
}

function started() {
  const tailscaled = drive(tailscaledMachine, {
    wanted,
    authKeyFrom: "credentials",
    headscale: recipient("headscale"),
    health: recipient("health"),
    guard: recipient("guard"),
    routes: recipient("routes"),
    node: null,
  });
  return { ...tailscaled, first: tailscaled.start() };
}

function attending() {
  const tailscaled = started();
  tailscaled.done("seek", found);
  tailscaled.done("enter", "9 900");
  tailscaled.send({ type: "tailnetNamespace.held" });
  return tailscaled;
}

describe("tailscaled", () => {
  it.each([
    [true, "adopted"],
    [false, "restarted"],
  ] as const)("begins a session once the guard holds X (attended before: %s)", (attended, arrival) => {
    const { first, done, send, timers, at } = started();
    expect(first).toEqual([seek]);
    expect(done("seek", { ...found, attended })).toEqual([{ start: "enter" }]);
    expect(done("enter", "9 900")).toEqual([opened]);
    expect(timers()).toEqual([5_000]);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([session(arrival)]);
    expect(at()).toEqual({ attending: "awaitingTailnet" });
  });

  it("waits 5 s at most for the guard", () => {
    const { done, fire } = started();
    done("seek", found);
    done("enter", "9 900");
    expect(fire(5_000)).toEqual([session("adopted")]);
  });

  it("hands other credentials to the session, and withdraws what it told when it ends", () => {
    const { send, done, fire, at, context } = attending();
    expect(send({ type: "credentials.replaced" })).toEqual([{ to: "tailnet", type: "credentials.replaced" }]);
    expect(send({ type: "session.settled" })).toEqual([]);
    expect(at()).toEqual({ attending: "steady" });
    expect(done("tailnet")).toEqual(ended);
    expect(at()).toEqual({ away: "backingOff" });
    expect(context().failures).toBe(1);
    expect(fire(restart(0))).toEqual([seek]);
    done("seek", found);
    expect(done("enter", "9 900")).toEqual([session("adopted")]);
  });

  it("waits longer from one unsettled session to the next, and anew after one that settled", () => {
    const { send, fail, done, fire, timers, context } = attending();
    for (let failures = 0; failures < 10; failures += 1) {
      expect(fail("tailnet", broken)).toEqual([...ended, counted()]);
      expect(timers()).toEqual([restart(failures)]);
      expect(context().failure).toEqual(brokenFailure);
      fire(restart(failures));
      done("seek", found);
      expect(context().failure).toBeNull();
      done("enter", "9 900");
    }
    fail("tailnet", broken);
    fire(restart(10));
    done("seek", found);
    done("enter", "9 900");
    send({ type: "session.settled" });
    expect(context()).toMatchObject({ failures: 0, failure: null });
    done("tailnet");
    expect(timers()).toEqual([restart(0)]);
  });

  it("waits before it looks again where X cannot be opened", () => {
    const { done, fail, at, timers } = started();
    done("seek", found);
    expect(fail("enter", broken)).toEqual([counted()]);
    expect(at()).toEqual({ away: "backingOff" });
    expect(timers()).toEqual([restart(0)]);
  });

  it("tells once why there is no tailscaled; X is closed only without headcni-wire", () => {
    const { done, fail, fire, timers, at, context } = started();
    const away = (code: string) => new HeadcniError(code, { code });
    const down = (reason: string) => ({ to: "health", type: "tailscale.down", reason });
    expect(fail("seek", away("TAILSCALED_AWAY"))).toEqual([down("TAILSCALED_AWAY")]);
    expect(at()).toEqual({ away: "missing" });
    expect(timers()).toEqual([200]);
    expect(fire(200)).toEqual([seek]);
    expect(fail("seek", away("TAILSCALED_AWAY"))).toEqual([]);
    expect(at()).toEqual({ away: "awaitingPoll" });
    expect(timers()).toEqual([200]);
    fire(200);
    expect(fail("seek", away("WIRE_GONE"))).toEqual([
      down("WIRE_GONE"),
      { to: "guard", type: "tailnetNamespace.closed" },
    ]);
    expect(context()).toMatchObject({ failure: { code: "WIRE_GONE" }, missed: "WIRE_GONE" });
    fire(200);
    done("seek", found);
    expect(context()).toMatchObject({ failure: null, missed: "" });
    expect(done("enter", "9 900")).toEqual([opened]);
  });

  it("tells the guard of X again after headcni-wire was gone, and of another X", () => {
    const { done, fail, fire } = attending();
    done("tailnet");
    fire(restart(0));
    fail("seek", new HeadcniError("gone", { code: "WIRE_GONE" }));
    fire(200);
    done("seek", found);
    expect(done("enter", "9 900")).toEqual([opened]);
    fire(5_000);
    done("tailnet");
    fire(restart(1));
    done("seek", found);
    expect(done("enter", "10 1000")).toEqual([opened]);
  });
});
