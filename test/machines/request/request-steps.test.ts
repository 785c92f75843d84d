import { describe, expect, it } from "vitest";
import { requestMachine } from "../../../machines/request/request-machine.ts";
import type { CniOperation } from "../../../src/protocol/cni-protocol.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { drive, recipient } from "../../support/machines/drive.ts";

const ready = { ready: true, reason: "" };
const validAttachments = [{ containerId: "c1", ifname: "eth0" }];

function asking(command: CniOperation, more = {}, readiness = ready) {
  const request = cniRequest(command, "c1", more);
  const [pods, replyTo] = [recipient("pods"), recipient("socket")];
  const call = drive(requestMachine, { exchangeId: "x1", request, atMs: 7, readiness, pods, replyTo });
  return { ...call, request, first: call.start() };
}

/** To the socket and to whoever counts. */
function answered(reply: object) {
  return [
    { to: "socket", type: "exchange.reply", exchangeId: "x1", reply },
    { emit: "call.answered", callId: "x1", reply },
  ];
}

describe("a request", () => {
  it.each([
    ["ADD", "pod.attachWanted"],
    ["DEL", "pod.detachWanted"],
    ["CHECK", "pod.checkWanted"],
  ] as const)("tells of an %s and hands it to the registry whole", (command, type) => {
    const { first, request, send } = asking(command);
    expect(first).toEqual([
      { emit: "call.received", callId: "x1", request },
      { to: "pods", type, request, requestId: "x1", replyTo: "<request>", atMs: 7 },
    ]);
    expect(send({ type: "pod.detached", requestId: "x1" })).toEqual(answered({ wire: 1, ok: true }));
  });

  it("asks for a GC with what the runtime knows, which may be nothing", () => {
    const call = { network: "headcni", requestId: "x1", replyTo: "<request>", atMs: 7 };
    const valid = validAttachments;
    expect(asking("GC", { validAttachments }).first[1]).toEqual({
      to: "pods",
      type: "pods.collectWanted",
      valid,
      ...call,
    });
    expect(asking("GC").first[1]).toEqual({ to: "pods", type: "pods.collectWanted", valid: [], ...call });
    expect(asking("STATUS").first[1]).toEqual({
      to: "pods",
      type: "pods.statusWanted",
      requestId: "x1",
      replyTo: "<request>",
    });
  });

  it("answers STATUS itself where the node is not ready", () => {
    const { first, request, at } = asking("STATUS", {}, { ready: false, reason: "the route is not proven" });
    const error = {
      code: 50,
      msg: "this node does not serve pods yet: the route is not proven",
      details: "The daemon's /ready and `headcnictl status` say more.",
    };
    expect(first).toEqual([
      { emit: "call.received", callId: "x1", request },
      ...answered({ wire: 1, ok: false, error }),
    ]);
    expect(at()).toBe("answered");
  });

  it("withdraws a call of a client that is gone, and says that nobody heard the answer", () => {
    const { send, at, actor } = asking("ADD");
    expect(send({ type: "exchange.closed" })).toEqual([
      { to: "pods", type: "pod.withdrawn", requestId: "x1" },
      { emit: "call.abandoned", callId: "x1" },
    ]);
    expect(at()).toBe("abandoned");
    expect(actor.getSnapshot().status).toBe("done");
  });

  it("withdraws what is late, and answers 100 ms later even without the registry", () => {
    const { fire, timers, at, actor } = asking("ADD");
    expect(fire(9_700)).toEqual([{ to: "pods", type: "pod.withdrawn", requestId: "x1" }]);
    expect(timers()).toEqual([100]);
    const error = {
      code: 11,
      msg: "the daemon did not answer in time",
      details: "The runtime may repeat the call.",
    };
    expect(fire(100)).toEqual(answered({ wire: 1, ok: false, error }));
    expect(at()).toBe("answered");
    expect(actor.getSnapshot().status).toBe("done");
  });

  it("answers a GC that failed with the first code and all texts", () => {
    const failures = [
      { code: 5, msg: "a", details: "b" },
      { code: 11, msg: "c", details: "d" },
    ] as const;
    const error = { code: 5, msg: "GC removed 1 attachments and failed with 2", details: "a (b); c (d)" };
    expect(asking("GC").send({ type: "pods.collected", requestId: "x1", removed: 1, failures })).toEqual(
      answered({ wire: 1, ok: false, error }),
    );
  });
});
