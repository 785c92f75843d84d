import { describe, expect, test } from "vitest";
import { type ActorRefFrom, createActor, fromCallback } from "xstate";
import type {
  CniFact,
  CniReport,
  CniSocketCommand,
  CniSocketEvent,
} from "../../../machines/cni/cni-events.ts";
import { cniMachine } from "../../../machines/cni/cni-machine.ts";
import type { PodsCall } from "../../../machines/pods/pods-events.ts";
import type { ExchangeReply } from "../../../machines/request/request-events.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const failure = { code: "EADDRINUSE", message: "another daemon answers on the socket" };
const received = (exchangeId: string, command: "ADD" | "STATUS" = "ADD") =>
  ({ type: "request.received", exchangeId, request: cniRequest(command, exchangeId), atMs: 1 }) as const;
/** What the test's socket says; the socket itself adds `replyTo`. */
type Said = Exclude<CniSocketEvent, { type: "request.received" }> | ReturnType<typeof received>;

/** A cni machine over a socket that is played by the test. */
function startCni() {
  const pods = recorder<PodsCall>();
  const root = recorder<CniFact | CniReport>();
  const written: CniSocketCommand[] = [];
  const sockets: ((event: Said) => void)[] = [];
  const socket = fromCallback<CniSocketCommand, undefined>(({ sendBack, receive, self }) => {
    sockets.push((event) =>
      sendBack(event.type === "request.received" ? { ...event, replyTo: self } : event),
    );
    receive((command) => written.push(command));
  });
  const clock = manualClock();
  const machine = cniMachine.provide({
    actors: { socket },
  });
  const actor: ActorRefFrom<typeof cniMachine> = createActor(machine, {
    input: { pods: pods.ref, health: root.ref, parent: root.ref },
    clock,
  });
  actor.start();
  const fromSocket = (event: Said) => sockets.at(-1)?.(event);
  const answer = (requestId: string) => {
    const call = pods.events.find((event) => "replyTo" in event && event.requestId === requestId);
    if (call === undefined || !("replyTo" in call)) throw new Error(`no call ${requestId}`);
    call.replyTo.send({ type: "pod.detached", requestId });
  };
  const running = () => Object.keys(actor.getSnapshot().children).filter((id) => id.startsWith("request:"));
  return { actor, pods, root, written, sockets, clock, fromSocket, answer, running };
}

describe("the way in for CNI calls", () => {
  test("runs one request per call in slots that repeat, and writes each answer once", () => {
    const { fromSocket, answer, written, running, actor, pods } = startCni();
    fromSocket({ type: "socket.listening" });
    for (let round = 0; round < 100; round += 1) {
      for (const id of ["a", "b", "c"]) fromSocket(received(`${round}${id}`));
      expect(running()).toEqual(["request:0", "request:1", "request:2"]);
      for (const id of ["b", "a", "c"]) answer(`${round}${id}`);
      expect(running()).toEqual([]);
    }
    expect(written).toHaveLength(300);
    expect(pods.events).toHaveLength(300);
    expect(actor.getSnapshot().context.slots).toEqual([null, null, null]);
  });

  test("serves calls that come before it is ready; STATUS says why it is not", () => {
    const { fromSocket, written, actor } = startCni();
    fromSocket(received("x1", "STATUS"));
    actor.send({ type: "cni.readiness", ready: false, reason: "the routes are not approved" });
    fromSocket(received("x2", "STATUS"));
    expect(written).toMatchObject([
      { exchangeId: "x1", reply: { error: { code: 50, msg: expect.stringContaining("starting") } } },
      { exchangeId: "x2", reply: { error: { code: 50, msg: expect.stringContaining("not approved") } } },
    ]);
    actor.send({ type: "cni.readiness", ready: true, reason: "" });
    fromSocket(received("x3", "STATUS"));
    expect(written).toHaveLength(2);
  });

  test("refuses call 257 with code 11", () => {
    const { fromSocket, written } = startCni();
    for (let index = 0; index < 257; index += 1) fromSocket(received(`x${index}`));
    expect(written).toMatchObject([{ exchangeId: "x256", reply: { ok: false, error: { code: 11 } } }]);
  });

  test("withdraws a call whose client went away", () => {
    const { fromSocket, pods, running } = startCni();
    fromSocket(received("x1"));
    fromSocket({ type: "exchange.closed", exchangeId: "x1" });
    fromSocket({ type: "exchange.closed", exchangeId: "unknown" });
    expect(pods.types()).toEqual(["pod.attachWanted", "pod.withdrawn"]);
    expect(running()).toEqual([]);
  });

  test("listens again after the socket failed, and withdraws the calls that were on it", () => {
    const { fromSocket, root, clock, sockets, pods, actor } = startCni();
    fromSocket({ type: "socket.listening" });
    fromSocket(received("x1"));
    fromSocket({ type: "socket.failed", failure });
    expect(pods.types()).toEqual(["pod.attachWanted", "pod.withdrawn"]);
    expect(root.events).toEqual([{ type: "cni.serving" }, { type: "cni.down", failure }]);
    clock.fire(1_000);
    expect(sockets).toHaveLength(2);
    fromSocket({ type: "socket.listening" });
    expect(root.types().at(-1)).toBe("cni.serving");
    expect(actor.getSnapshot().value).toEqual({ open: "serving" });
  });

  test("closes after the last running call was answered", () => {
    const { fromSocket, actor, written, answer, root } = startCni();
    fromSocket({ type: "socket.listening" });
    fromSocket(received("x1"));
    actor.send({ type: "cni.close" });
    expect(written).toEqual([{ type: "socket.close" }]);
    answer("x1");
    expect(written).toHaveLength(2);
    expect(root.types().at(-1)).toBe("cni.closed");
    expect(actor.getSnapshot().status).toBe("done");
  });

  test("walks all its transitions", async () => {
    const root = recorder<CniFact | CniReport>().ref;
    const input = { pods: recorder<PodsCall>().ref, health: root, parent: root, maxRequests: 1 };
    await walkAllTransitions(cniMachine, {
      input,
      events: [
        { type: "socket.listening" },
        { type: "socket.failed", failure },
        { ...received("x1"), replyTo: recorder<ExchangeReply>().ref },
        { type: "exchange.closed", exchangeId: "x1" },
        { type: "exchange.reply", exchangeId: "x1", reply: { wire: 1, ok: true } },
        { type: "cni.readiness", ready: true, reason: "" },
        { type: "cni.close" },
      ],
      stateKey: ({ context }) => context.slots,
    });
  });
});
