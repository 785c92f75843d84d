import { describe, expect, it } from "vitest";
import { tailnetLoginMachine } from "../../../machines/tailnet/tailnet-login-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const wanted = { controlUrl: "http://10.99.0.1:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };
const examine = { start: "hasNodeKey" };
const login = { start: "login", input: { wanted } };
const ask = { to: "headscale", type: "authKey.wanted", replyTo: "<tailnetLogin>" };
const disconnectControl = { start: "disconnectControl" };
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 5_000, maxMs: 300_000 }, "n1");

function started(authKeyFrom: "credentials" | "headscale" | "owner" = "credentials") {
  const input = { wanted, authKeyFrom, headscale: recipient("headscale"), parent: recipient("parent") };
  const session = drive(tailnetLoginMachine, input);
  return { ...session, first: session.start() };
}

function registering() {
  const session = started();
  session.done("hasNodeKey", false);
  session.done("login");
  return session;
}

/** A login was refused. */
function waiting() {
  const session = registering();
  session.send({ type: "login.refused", text: "expired" });
  session.done("disconnectControl");
  return session;
}

describe("a login", () => {
  it("is tried at once without a node key", () => {
    const { first, done, at } = started();
    expect(first).toEqual([examine]);
    expect(done("hasNodeKey", false)).toEqual([login]);
    expect(done("login")).toEqual([]);
    expect(at()).toBe("registering");
  });

  it("gives up a node key only when Headscale keeps asking for 2 s", () => {
    const { done, fire, timers, at } = started();
    expect(done("hasNodeKey", true)).toEqual([]);
    expect(at()).toBe("confirming");
    expect(timers()).toEqual([2_000]);
    expect(fire(2_000)).toEqual([login]);
  });

  it("asks Headscale for a key where one comes from there", () => {
    const { done, send } = started("headscale");
    expect(done("hasNodeKey", false)).toEqual([ask]);
    expect(send({ type: "authKey.granted", authKey: "k" })).toEqual([
      { start: "login", input: { wanted, authKey: "k" } },
    ]);
  });

  it("is left to the owner of a tailscaled that is not ours, and no key is asked for", () => {
    const { done, timers, at } = started("owner");
    expect(done("hasNodeKey", false)).toEqual([]);
    expect(at()).toBe("awaitingOwner");
    expect(timers()).toEqual([]);
  });

  it("waits when Headscale makes no key", () => {
    const { done, send, at, context } = started("headscale");
    const failure = { code: "UNREACHABLE", message: "away" };
    done("hasNodeKey", false);
    expect(send({ type: "authKey.failed", failure })).toEqual([counted(failure)]);
    expect(at()).toBe("backingOff");
    expect(context().failure).toEqual(failure);
  });

  it("keeps tailscaled from repeating what was refused, and waits longer from time to time", () => {
    const { send, done, fire, timers, at } = registering();
    const refused = { code: "LOGIN_REFUSED", message: "expired" };
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(send({ type: "login.refused", text: "expired" })).toEqual([disconnectControl, counted(refused)]);
      expect(done("disconnectControl")).toEqual([]);
      expect(at()).toBe("backingOff");
      expect(timers()).toEqual([wait(attempt)]);
      expect(fire(wait(attempt))).toEqual([examine]);
      done("hasNodeKey", false);
      done("login");
    }
  });

  it("tells its session when Headscale did not answer for half a minute", () => {
    const { fire, timers } = registering();
    expect(timers()).toEqual([30_000]);
    expect(fire(30_000)).toEqual([
      disconnectControl,
      counted({ code: "REGISTRATION_UNANSWERED", message: "Headscale did not take this node" }),
      { to: "parent", type: "login.unanswered" },
    ]);
  });

  it("waits after a step that failed", () => {
    const examined = started();
    expect(examined.fail("hasNodeKey", broken)).toEqual([counted()]);
    expect(examined.at()).toBe("backingOff");
    const sent = started();
    sent.done("hasNodeKey", false);
    expect(sent.fail("login", broken)).toEqual([counted()]);
    expect(sent.at()).toBe("backingOff");
    const disconnected = registering();
    disconnected.send({ type: "login.refused", text: "expired" });
    expect(disconnected.fail("disconnectControl", broken)).toEqual([counted()]);
    expect(disconnected.at()).toBe("backingOff");
    expect(disconnected.context().failure).toEqual(brokenFailure);
  });

  it("is tried at once with another key, whenever that came, and counts its waits anew", () => {
    const { send, done, fire, timers, at, context } = waiting();
    fire(wait(0));
    done("hasNodeKey", false);
    done("login");
    expect(context().attempt).toBe(1);
    expect(send({ type: "credentials.replaced" })).toEqual([]);
    send({ type: "login.refused", text: "expired" });
    expect(done("disconnectControl")).toEqual([examine]);
    done("hasNodeKey", false);
    done("login");
    send({ type: "login.refused", text: "expired" });
    done("disconnectControl");
    expect(at()).toBe("backingOff");
    expect(timers()).toEqual([wait(0)]);
    expect(send({ type: "credentials.replaced" })).toEqual([examine]);
  });

  it("is not repeated for a key that came before it was tried", () => {
    const early = started();
    early.send({ type: "credentials.replaced" });
    early.done("hasNodeKey", false);
    early.done("login");
    early.send({ type: "login.refused", text: "expired" });
    early.done("disconnectControl");
    expect(early.at()).toBe("backingOff");
    const unexamined = waiting();
    unexamined.send({ type: "credentials.replaced" });
    unexamined.fail("hasNodeKey", broken);
    expect(unexamined.at()).toBe("backingOff");
  });
});
