import { describe, expect, test } from "vitest";
import { createActor } from "xstate";
import type { PodAnswer, PodsCall } from "../../../machines/pods/pods-events.ts";
import type { ExchangeReply } from "../../../machines/request/request-events.ts";
import { requestMachine } from "../../../machines/request/request-machine.ts";
import { type CniOperation, cniOperations } from "../../../src/protocol/cni-protocol.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const ready = { ready: true, reason: "" };
const result = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;
const failure = { code: 11, msg: "attaching", details: "" } as const;

function inputFor(command: CniOperation, readiness = ready) {
  const pods = recorder<PodsCall>();
  const socket = recorder<ExchangeReply>();
  const request = cniRequest(command, "c1", command === "GC" ? { validAttachments: [] } : {});
  return {
    pods,
    socket,
    input: { exchangeId: "x1", request, atMs: 7, readiness, pods: pods.ref, replyTo: socket.ref },
  };
}

function startRequest(command: CniOperation, readiness = ready) {
  const { pods, socket, input } = inputFor(command, readiness);
  const clock = manualClock();
  const actor = createActor(requestMachine, { input, clock });
  actor.start();
  return { actor, clock, pods, socket, reply: () => socket.events[0]?.reply };
}

describe("a request", () => {
  test.each([
    ["ADD", "pod.attachWanted", { type: "pod.attached", requestId: "x1", result }, { ok: true, result }],
    ["DEL", "pod.detachWanted", { type: "pod.detached", requestId: "x1" }, { ok: true }],
    ["CHECK", "pod.checkWanted", { type: "pod.checked", requestId: "x1", mismatches: [] }, { ok: true }],
    [
      "GC",
      "pods.collectWanted",
      { type: "pods.collected", requestId: "x1", removed: 2, failures: [] },
      { ok: true },
    ],
    [
      "STATUS",
      "pods.statusWanted",
      { type: "pods.status", requestId: "x1", ready: true, reason: "" },
      { ok: true },
    ],
  ] as const)("%s asks the registry and answers what it says", (command, asked, answer, reply) => {
    const { actor, pods, socket, clock } = startRequest(command);
    expect(pods.events).toMatchObject([{ type: asked, requestId: "x1" }]);
    actor.send(answer as PodAnswer);
    expect(socket.events).toEqual([
      { type: "exchange.reply", exchangeId: "x1", reply: { wire: 1, ...reply } },
    ]);
    expect(actor.getSnapshot().status).toBe("done");
    expect(clock.running()).toEqual([]);
  });

  test.each([
    ["ADD", 9_700],
    ["DEL", 9_700],
    ["CHECK", 4_700],
    ["GC", 29_700],
    ["STATUS", 1_700],
  ] as const)("%s is withdrawn after %i ms and answered with how far it was", (command, deadlineMs) => {
    const { actor, clock, pods, reply } = startRequest(command);
    expect(clock.fire(deadlineMs)).toBe(true);
    expect(pods.types().at(-1)).toBe("pod.withdrawn");
    actor.send({ type: "pod.failed", requestId: "x1", failure });
    expect(reply()).toEqual({ wire: 1, ok: false, error: failure });
    expect(clock.running()).toEqual([]);
  });

  test("is answered with code 11 even when the registry says nothing", () => {
    const { clock, reply } = startRequest("ADD");
    clock.fire(9_700);
    clock.fire(100);
    expect(reply()).toMatchObject({ ok: false, error: { code: 11 } });
  });

  test("whose client is gone is withdrawn and not answered", () => {
    const { actor, pods, socket } = startRequest("ADD");
    actor.send({ type: "exchange.closed" });
    expect(pods.types()).toEqual(["pod.attachWanted", "pod.withdrawn"]);
    expect(socket.events).toEqual([]);
    expect(actor.getSnapshot().status).toBe("done");
  });

  test("STATUS of a node whose routes were never proven is code 50 with the reason, without asking", () => {
    const { pods, reply } = startRequest("STATUS", {
      ready: false,
      reason: "the own prefix is not approved",
    });
    expect(pods.events).toEqual([]);
    expect(reply()).toMatchObject({
      error: { code: 50, msg: expect.stringContaining("the own prefix is not approved") },
    });
  });

  test("other commands are served before the proof", () => {
    const { pods } = startRequest("ADD", { ready: false, reason: "" });
    expect(pods.types()).toEqual(["pod.attachWanted"]);
  });

  test("CHECK with mismatches, GC with errors and STATUS of a deaf kernel fail", () => {
    const check = startRequest("CHECK");
    const mismatches = [{ what: "mtu", expected: "1280", found: "1500" }];
    check.actor.send({ type: "pod.checked", requestId: "x1", mismatches });
    expect(check.reply()).toMatchObject({ error: { code: 999, details: "mtu: expected 1280, found 1500" } });
    const gc = startRequest("GC");
    gc.actor.send({ type: "pods.collected", requestId: "x1", removed: 1, failures: [failure, failure] });
    expect(gc.reply()).toMatchObject({
      error: { code: 11, msg: "GC removed 1 attachments and failed with 2" },
    });
    const status = startRequest("STATUS");
    status.actor.send({ type: "pods.status", requestId: "x1", ready: false, reason: "no kernel" });
    expect(status.reply()).toMatchObject({ error: { code: 50 } });
  });

  test("walks all its transitions", async () => {
    const [first, ...more] = [
      ...cniOperations.map((command) => inputFor(command).input),
      inputFor("STATUS", { ready: false, reason: "" }).input,
    ];
    if (first === undefined) throw new Error("no commands");
    await walkAllTransitions(requestMachine, {
      input: first,
      moreInputs: more,
      events: [
        { type: "pod.failed", requestId: "x1", failure },
        { type: "pods.collected", requestId: "x1", removed: 0, failures: [] },
        { type: "exchange.closed" },
      ],
      stateKey: () => 0,
    });
  });
});
