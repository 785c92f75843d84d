import { describe, expect, it } from "vitest";
import type { CniEvent } from "../../../machines/cni/cni-events.ts";
import { cniMachine } from "../../../machines/cni/cni-machine.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const failure = { code: "EADDRINUSE", message: "another daemon answers on the socket" };
const received = (exchangeId: string): CniEvent => ({
  type: "request.received",
  exchangeId,
  request: cniRequest("ADD", exchangeId),
  atMs: 1,
  replyTo: recipient("socket"),
});
const request = (slot: number, exchangeId: string, readiness: object) => ({
  start: `request:${slot}`,
  input: {
    exchangeId,
    request: cniRequest("ADD", exchangeId),
    atMs: 1,
    readiness,
    pods: "<pods>",
    replyTo: "<socket>",
  },
});
const unready = { ready: false, reason: "the daemon is starting" };
const ready = { ready: true, reason: "" };
const closedTo = (slot: number) => ({ to: `request:${slot}`, type: "exchange.closed" });
const answered = (exchangeId: string, error: object) => {
  const reply = { wire: 1, ok: false, error };
  return [
    { to: "socket", type: "exchange.reply", exchangeId, reply },
    { emit: "call.answered", callId: exchangeId, reply },
  ];
};
const down = (failure: object) => ({ to: "health", type: "cni.down", failure });
const close = { to: "socket", type: "socket.close" };
const closed = { to: "parent", type: "cni.closed" };

function started(maxRequests?: number) {
  const cni = drive(cniMachine, {
    pods: recipient("pods"),
    health: recipient("health"),
    parent: recipient("parent"),
    ...(maxRequests !== undefined && { maxRequests }),
  });
  return { ...cni, first: cni.start() };
}

function serving(maxRequests?: number) {
  const cni = started(maxRequests);
  cni.send({ type: "socket.listening" });
  return cni;
}

describe("the way in for CNI calls", () => {
  it("listens from the first moment, and says when it does", () => {
    const { first, send, timers, at } = started();
    expect(first).toEqual([{ start: "socket" }]);
    expect(timers()).toEqual([5_000]);
    expect(send(received("a"))).toEqual([request(0, "a", unready)]);
    expect(send({ type: "socket.listening" })).toEqual([{ to: "health", type: "cni.serving" }]);
    expect(at()).toEqual({ open: "serving" });
  });

  it("runs one request per call in the lowest free slot, with the readiness of that moment", () => {
    const { send, done } = serving();
    expect(send({ type: "cni.readiness", ...ready })).toEqual([]);
    expect(send(received("a"))).toEqual([request(0, "a", ready)]);
    expect(send(received("b"))).toEqual([request(1, "b", ready)]);
    expect(send({ type: "exchange.closed", exchangeId: "b" })).toEqual([closedTo(1)]);
    expect(send({ type: "exchange.closed", exchangeId: "z" })).toEqual([]);
    expect(done("request:0")).toEqual([]);
    expect(send({ type: "exchange.closed", exchangeId: "a" })).toEqual([]);
    expect(send(received("c"))).toEqual([request(0, "c", ready)]);
  });

  it("answers itself for a request that died, and frees its slot", () => {
    const { send, fail, context } = serving();
    send(received("a"));
    expect(fail("request:0", broken)).toEqual([
      counted(),
      ...answered("a", {
        code: 999,
        msg: "the call: broken",
        details: "An unexpected error (UNEXPECTED); see the daemon's log.",
      }),
    ]);
    expect(context().slots).toEqual([null]);
  });

  it.each([1, undefined])("refuses what is too much at once (at most %s, or 256)", (most) => {
    const { send, done } = serving(most);
    for (let index = 0; index < (most ?? 256); index += 1)
      expect(send(received(`a${index}`))).toHaveLength(1);
    expect(send(received("z"))).toEqual([
      { emit: "call.received", callId: "z", request: cniRequest("ADD", "z") },
      ...answered("z", {
        code: 11,
        msg: "too many calls run at once already",
        details: "The runtime may repeat the call.",
      }),
    ]);
    done("request:0");
    expect(send(received("z"))).toEqual([request(0, "z", unready)]);
  });

  it.each([
    ["fails", (cni: ReturnType<typeof serving>) => cni.send({ type: "socket.failed", failure }), failure],
    ["dies", (cni: ReturnType<typeof serving>) => cni.fail("socket", broken), brokenFailure],
  ] as const)("abandons its requests and listens again a second after its socket %s", (_, happen, why) => {
    const cni = serving();
    cni.send(received("a"));
    cni.send(received("b"));
    cni.done("request:0");
    const effects = happen(cni).filter((effect) => !("stop" in effect));
    expect(effects).toEqual([down(why), counted(why), closedTo(1)]);
    expect(cni.at()).toBe("backingOff");
    expect(cni.timers()).toEqual([1_000]);
    expect(cni.fire(1_000)).toEqual([{ start: "socket" }]);
  });

  it("listens again when it does not within 5 s", () => {
    const { fire, at } = started();
    const why = { code: "TIMEOUT", message: "listening took more than 5 s" };
    expect(fire(5_000)).toEqual([{ stop: "socket" }, down(why), counted(why)]);
    expect(at()).toBe("backingOff");
  });

  it("closes once no request runs, and after 12 s all the same", () => {
    const idle = serving();
    expect(idle.send({ type: "cni.close" })).toEqual([close, closed]);
    expect(idle.at()).toBe("closed");
    const busy = serving();
    busy.send(received("a"));
    expect(busy.send({ type: "cni.close" })).toEqual([close]);
    expect(busy.timers()).toEqual([12_000]);
    expect(busy.done("request:0")).toEqual([closed]);
    const stuck = serving();
    stuck.send(received("a"));
    stuck.send({ type: "cni.close" });
    expect(stuck.fire(12_000)).toEqual([closed]);
    const away = serving();
    away.fail("socket", broken);
    expect(away.send({ type: "cni.close" })).toEqual([closed]);
  });
});
