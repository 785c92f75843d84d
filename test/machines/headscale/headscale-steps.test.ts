import { describe, expect, it } from "vitest";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const input = { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "x-", seed: "n1" };
const probe = { start: "probe", input: { authenticates: true } };
const retry = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 60_000 }, "n1");
const error = (code: string) => new HeadcniError(code, { code });
const failure = (code: string) => ({ code, message: code });
const approval = (asker: string, nodeId = "7"): HeadscaleEvent => ({
  type: "approval.wanted",
  nodeId,
  prefixes: ["10.244.1.0/24"],
  replyTo: recipient(asker),
});
const key = (asker: string): HeadscaleEvent => ({ type: "authKey.wanted", replyTo: recipient(asker) });
const departed = (name: string): HeadscaleEvent => ({
  type: "node.departed",
  name,
  prefixes: ["10.244.9.0/24"],
});
const serve = (task: object) => ({ start: "serve", input: { task } });
const approve = (nodeId = "7") => serve({ kind: "approval", nodeId, prefixes: ["10.244.1.0/24"] });
const makeKey = serve({ kind: "authKey", tags: input.tags });

function connected(given: Partial<typeof input> = {}) {
  const headscale = drive(headscaleMachine, { ...input, ...given });
  headscale.start();
  headscale.done("probe");
  return headscale;
}

describe("the connection to Headscale", () => {
  it("asks once at its start and then only on request", () => {
    const { start, done, at, timers } = drive(headscaleMachine, input);
    expect(start()).toEqual([probe]);
    expect(done("probe")).toEqual([]);
    expect(at()).toEqual({ connected: "idle" });
    expect(timers()).toEqual([]);
  });

  it("waits as at first when Headscale is away at the start", () => {
    const { start, fail, timers } = drive(headscaleMachine, input);
    start();
    fail("probe", broken);
    expect(timers()).toEqual([retry(0)]);
  });

  it("does each kind of job and tells the asker what came of it", () => {
    const { send, done, at } = connected();
    expect(send(approval("route"))).toEqual([approve()]);
    expect(done("serve", { serving: ["10.244.1.0/24"] })).toEqual([
      { to: "route", type: "approval.granted", serving: ["10.244.1.0/24"] },
    ]);
    expect(send(approval("route"))).toEqual([approve()]);
    expect(done("serve", {})).toEqual([{ to: "route", type: "approval.granted", serving: [] }]);
    expect(send(key("login"))).toEqual([makeKey]);
    expect(done("serve", { authKey: "k" })).toEqual([{ to: "login", type: "authKey.granted", authKey: "k" }]);
    expect(send(departed("n9"))).toEqual([
      serve({ kind: "departure", hostname: "x-n9", prefixes: ["10.244.9.0/24"] }),
    ]);
    expect(done("serve", {})).toEqual([]);
    expect(at()).toEqual({ connected: "idle" });
  });

  it("does jobs in turn; one that still waits is replaced by the asker's next, and a departure by the same node's", () => {
    const { send, done } = connected();
    const [a, b] = [recipient("a"), recipient("b")];
    const ask = (replyTo: typeof a, nodeId: string) =>
      send({ type: "approval.wanted", nodeId, prefixes: ["10.244.1.0/24"], replyTo });
    ask(a, "1");
    expect(ask(a, "2")).toEqual([]);
    ask(b, "3");
    ask(a, "4");
    send({ type: "authKey.wanted", replyTo: a });
    send(departed("n8"));
    send(departed("n9"));
    send(departed("n8"));
    const started: unknown[] = [];
    for (let effects = done("serve", {}); effects.length > 0; effects = done("serve", {})) {
      started.push(...effects.filter((effect) => "start" in effect));
      if (!effects.some((effect) => "start" in effect)) break;
    }
    expect(started).toEqual([
      approve("3"),
      approve("4"),
      makeKey,
      serve({ kind: "departure", hostname: "x-n9", prefixes: ["10.244.9.0/24"] }),
      serve({ kind: "departure", hostname: "x-n8", prefixes: ["10.244.9.0/24"] }),
    ]);
  });

  it("tells the asker of a job that cannot be done, and continues with the next", () => {
    const { send, fail, at, context } = connected();
    send(approval("route"));
    send(key("login"));
    send(departed("n9"));
    expect(fail("serve", broken)).toEqual([
      makeKey,
      { to: "route", type: "approval.failed", failure: brokenFailure },
    ]);
    expect(fail("serve", broken).slice(1)).toEqual([
      { to: "login", type: "authKey.failed", failure: brokenFailure },
    ]);
    expect(fail("serve", broken)).toEqual([]);
    expect(at()).toEqual({ connected: "idle" });
    expect(context()).toMatchObject({ jobs: [], failure: null });
  });

  it("refuses jobs at once without a key of its own", () => {
    const { send, at } = connected({ authenticates: false });
    const why = { code: "CREDENTIALS_MISSING", message: "this node works without an API key" };
    expect(send(approval("route"))).toEqual([{ to: "route", type: "approval.failed", failure: why }]);
    expect(send(key("login"))).toEqual([{ to: "login", type: "authKey.failed", failure: why }]);
    expect(send(departed("n9"))).toEqual([]);
    expect(at()).toEqual({ connected: "idle" });
  });

  it.each(["UNREACHABLE", "UNAVAILABLE"])(
    "keeps the job that met an outage (%s), and waits longer from time to time",
    (code) => {
      const { send, fail, done, fire, timers, at, context } = connected();
      send(approval("route"));
      expect(fail("serve", error(code))).toEqual([counted(failure(code))]);
      for (let attempt = 0; attempt < 9; attempt += 1) {
        expect(at()).toBe("backingOff");
        expect(timers()).toEqual([retry(attempt)]);
        expect(fire(retry(attempt))).toEqual([probe]);
        expect(fail("probe", broken)).toEqual([counted()]);
      }
      expect(send({ type: "control.restored" })).toEqual([probe]);
      expect(done("probe")).toEqual([approve()]);
      expect(context()).toMatchObject({ failure: null, attempt: 0 });
    },
  );

  it.each(["UNAUTHORIZED", "FORBIDDEN", "CREDENTIALS_MISSING"])(
    "waits five minutes, or for other credentials, when it is refused (%s)",
    (code) => {
      const { send, fail, done, fire, timers, at } = connected();
      send(approval("route"));
      expect(fail("serve", error(code))).toEqual([counted(failure(code))]);
      expect(at()).toBe("refused");
      expect(timers()).toEqual([300_000]);
      expect(fire(300_000)).toEqual([probe]);
      expect(fail("probe", error(code))).toEqual([counted(failure(code))]);
      expect(at()).toBe("refused");
      expect(send({ type: "credentials.replaced" })).toEqual([probe]);
      expect(done("probe")).toEqual([approve()]);
    },
  );

  it("looks for Headscale when tailscaled lost it, and takes other credentials in the middle of a job", () => {
    const { send, done, at, timers } = connected();
    expect(send({ type: "control.lost" })).toEqual([]);
    expect(at()).toBe("backingOff");
    expect(timers()).toEqual([retry(0)]);
    send({ type: "control.restored" });
    done("probe");
    send(approval("route"));
    expect(send({ type: "credentials.replaced" })).toEqual([probe, { stop: "serve" }]);
    expect(done("probe")).toEqual([approve()]);
  });
});
