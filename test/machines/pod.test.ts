import { describe, expect, test } from "vitest";
import { createActor, type EventObject, fromCallback, fromPromise, type NonReducibleUnknown } from "xstate";
import type {
  AttachmentAnswer,
  AttachmentCall,
  AttachmentReport,
  PodEffectEvent,
  PodStart,
} from "../../machines/pod/pod-events.ts";
import { podMachine } from "../../machines/pod/pod-machine.ts";
import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment.ts";
import { planAttachment } from "../../src/domain/pod-network-plan.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const plan = planAttachment(cniRequest("ADD", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });
const failure = { code: "KERNEL_REFUSED", message: "no" };
const taken = { code: "ADDRESS_TAKEN", message: "taken" };
const link: Mismatch = { what: "link", expected: "eth0", found: "nothing" };

const types = { ADD: "pod.attachWanted", DEL: "pod.detachWanted", CHECK: "pod.checkWanted" } as const;

/** A pod whose effects are played by the test, and one client for all of its calls. */
function startPod(start: PodStart, first?: keyof typeof types, mismatches: readonly Mismatch[] = []) {
  const registry = recorder<AttachmentReport>();
  const client = recorder<AttachmentAnswer>();
  const clock = manualClock();
  const effects: string[] = [];
  const play = <Event extends EventObject, Input extends NonReducibleUnknown>(name: string) =>
    fromCallback<Event, Input>(({ receive }) => {
      effects.push(name);
      receive((event) => effects.push(event.type));
      return () => effects.push(`${name} stopped`);
    });
  const machine = podMachine.provide({
    actors: {
      attach: play<{ type: "attach.cancel" }, { plan: AttachmentPlan }>("attach"),
      detach: play<EventObject, { hostLink: string }>("detach"),
      check: fromPromise(async () => mismatches),
    },
  });
  const call = (command: keyof typeof types, requestId: string, netns = "/netns"): AttachmentCall => {
    const request = cniRequest(command, "c1", { netns });
    return { type: types[command], requestId, request, replyTo: client.ref, atMs: 1 };
  };
  const pod = createActor(machine, {
    input: {
      slot: 3,
      plan,
      start,
      call: first === undefined ? null : call(first, "first"),
      registry: registry.ref,
    },
    clock,
  });
  pod.start();
  const hear = (...events: PodEffectEvent[]) => {
    for (const event of events) pod.send(event);
  };
  const leave = (atMs = 1) => hear({ type: "detach.unrouted" }, { type: "detach.released", atMs });
  const ask = (command: keyof typeof types, requestId: string, netns?: string) =>
    pod.send(call(command, requestId, netns));
  /** What the calls were told, in order. */
  const told = () =>
    client.events.map((answer) =>
      answer.type === "pod.failed"
        ? `${answer.requestId} failed: ${answer.failure.msg}`
        : `${answer.requestId} ${answer.type}`,
    );
  return { pod, registry, client, clock, effects, hear, leave, ask, told };
}

describe("a pod", () => {
  test("cancelled in the middle of its ADD lets the kernel work end before it cleans up", () => {
    const { pod, effects, hear, leave, registry, ask, told } = startPod("attach", "ADD");
    ask("DEL", "del");
    expect(effects).toEqual(["attach", "attach.cancel"]);
    expect(told()).toEqual(["first failed: c1/eth0: a DEL came after this call"]);
    hear({ type: "attach.done" });
    expect(effects).toEqual(["attach", "attach.cancel", "attach stopped", "detach"]);
    leave(42);
    expect(told().slice(1)).toEqual(["del pod.detached"]);
    expect(registry.events.at(-1)).toEqual({ type: "pod.idle", slot: 3, releasedAtMs: 42 });
    pod.send({ type: "pod.release" });
    expect(pod.getSnapshot()).toMatchObject({ value: "gone", status: "done" });
  });

  test("cleans up after a failed ADD before it says why", () => {
    const { pod, hear, told } = startPod("attach", "ADD");
    hear({ type: "attach.failed", failure });
    expect(told()).toEqual([]);
    hear({ type: "detach.unrouted" });
    expect(told()).toEqual(["first failed: ADD of c1/eth0: no"]);
    hear({ type: "detach.released", atMs: 1 });
    pod.send({ type: "pod.release" });
    expect(pod.getSnapshot().value).toBe("failed");
  });

  test("gives up an ADD that the kernel does not answer within 12 s", () => {
    const { clock, effects, hear, told } = startPod("attach", "ADD");
    expect(clock.fire(12_000)).toBe(true);
    expect(effects.at(-1)).toBe("detach");
    hear({ type: "detach.unrouted" });
    expect(told()).toEqual(["first failed: ADD of c1/eth0: attaching took more than 12 s"]);
  });

  test("asks for other addresses up to three times when something else routes those it has", () => {
    const { pod, hear, leave, told, registry } = startPod("attach", "ADD");
    for (let round = 1; round <= 3; round += 1) {
      hear({ type: "attach.failed", failure: taken });
      leave(round);
      expect(registry.events.at(-1)).toEqual({ type: "pod.idle", slot: 3, releasedAtMs: round });
      pod.send({ type: "pod.planned", requestId: "first", plan });
      expect(pod.getSnapshot().value).toEqual({ attaching: "running" });
    }
    expect(told()).toEqual([]);
    hear({ type: "attach.failed", failure: taken });
    leave();
    expect(told()).toEqual(["first failed: ADD of c1/eth0: taken"]);
  });

  test("makes the attachment anew when the same ADD finds the kernel otherwise than planned", async () => {
    const { pod, hear, leave, ask, told, registry } = startPod("attached", undefined, [link]);
    ask("ADD", "again", "/other");
    await new Promise(setImmediate);
    leave();
    expect(registry.types()).toEqual(["pod.idle"]);
    pod.send({ type: "pod.planned", requestId: "again", plan: { ...plan, netns: "/other" } });
    hear({ type: "attach.done" });
    expect(told()).toEqual(["again pod.attached"]);
  });

  test("stands with the namespace of the call when the same ADD finds all as planned", async () => {
    const { client, ask } = startPod("attached");
    ask("ADD", "again", "/new");
    await new Promise(setImmediate);
    expect(client.events).toMatchObject([
      { type: "pod.attached", result: { interfaces: [{}, { sandbox: "/new" }] } },
    ]);
  });

  test("takes its calls one after another, and tells the registry of each answer", async () => {
    const { hear, ask, told, registry } = startPod("attach", "ADD", [link]);
    ask("CHECK", "second");
    ask("CHECK", "third");
    expect(told()).toEqual([]);
    hear({ type: "attach.done" });
    expect(told()).toEqual(["first pod.attached"]);
    await new Promise(setImmediate);
    expect(told()).toEqual(["first pod.attached", "second pod.checked", "third pod.checked"]);
    expect(registry.events).toMatchObject(
      ["first", "second", "third"].map((requestId) => ({
        type: "pod.answered",
        slot: 3,
        answer: { requestId },
      })),
    );
  });

  test("drops a waiting call that nobody waits for, undoes its ADD, and goes on with the others", () => {
    const { pod, hear, leave, ask, told, effects } = startPod("attach", "ADD");
    ask("CHECK", "second");
    ask("ADD", "third");
    pod.send({ type: "pod.withdrawn", requestId: "second" });
    pod.send({ type: "pod.withdrawn", requestId: "first" });
    expect(told()).toEqual([
      "second failed: c1/eth0: not done in time, the attachment is attaching, with earlier calls to do",
      "first failed: c1/eth0: not done in time, the attachment is attaching",
    ]);
    expect(effects.at(-1)).toBe("attach.cancel");
    hear({ type: "attach.failed", failure });
    leave();
    pod.send({ type: "pod.planned", requestId: "third", plan });
    hear({ type: "attach.done" });
    expect(told().slice(2)).toEqual(["third pod.attached"]);
  });

  test("gives addresses back that came for an ADD which ended meanwhile", () => {
    const { pod, leave, ask, told, registry } = startPod("detach", "DEL");
    ask("ADD", "later");
    leave();
    pod.send({ type: "pod.withdrawn", requestId: "later" });
    pod.send({ type: "pod.planned", requestId: "later", plan });
    expect(pod.getSnapshot().value).toBe("idle");
    expect(registry.types()).toEqual(["pod.answered", "pod.idle", "pod.answered", "pod.idle"]);
    expect(told().at(-1)).toContain("later failed: c1/eth0: not done in time, the attachment is idle");
  });

  test("while it is idle answers DEL and CHECK by itself, and an ADD as the registry decides", () => {
    const { pod, leave, ask, told } = startPod("detach", "DEL");
    leave();
    ask("DEL", "del");
    ask("CHECK", "check");
    ask("ADD", "add");
    pod.send({
      type: "pod.refused",
      requestId: "add",
      failure: { code: 11, msg: "no address", details: "" },
    });
    expect(told()).toEqual([
      "first pod.detached",
      "del pod.detached",
      "check failed: c1/eth0 is not attached",
      "add failed: no address",
    ]);
  });

  test("tries a refused removal again, later each time but never after more than 30 s, and at once on a new DEL", () => {
    const { hear, clock, ask, told, effects } = startPod("detach", "DEL");
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      hear({ type: "detach.failed", failure });
      const [wait = 0] = clock.running();
      waits.push(wait);
      expect(clock.fire(wait)).toBe(true);
    }
    expect(waits[0]).toBeLessThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits.at(-1)).toBeGreaterThan(10_000);
    expect(told()).toEqual(["first failed: DEL of c1/eth0: no"]);
    hear({ type: "detach.failed", failure });
    ask("DEL", "again");
    expect(effects.at(-1)).toBe("detach");
  });

  test("asks again when a deleted link is still there after 30 s", () => {
    const { hear, clock, effects } = startPod("detach");
    hear({ type: "detach.unrouted" });
    expect(clock.fire(30_000)).toBe(true);
    expect(effects).toEqual(["detach", "detach stopped", "detach"]);
  });

  test("leaves no timer behind", () => {
    const { hear, leave, clock, ask } = startPod("attach", "ADD");
    hear({ type: "attach.done" });
    expect(clock.running()).toEqual([]);
    ask("DEL", "del");
    leave();
    expect(clock.running()).toEqual([]);
  });

  test("walks all its transitions", async () => {
    const registry = recorder<AttachmentReport>().ref;
    const replyTo = recorder<AttachmentAnswer>().ref;
    const call = (command: keyof typeof types): AttachmentCall => {
      const request = cniRequest(command, "c1");
      return { type: types[command], requestId: command, request, replyTo, atMs: 1 };
    };
    await walkAllTransitions(podMachine, {
      input: { slot: 0, plan, start: "attach", call: call("ADD"), registry },
      moreInputs: [
        { slot: 0, plan, start: "attached", call: null, registry },
        { slot: 0, plan, start: "detach", call: call("DEL"), registry },
      ],
      events: [
        { type: "attach.done" },
        { type: "attach.failed", failure },
        { type: "detach.unrouted" },
        { type: "detach.released", atMs: 1 },
        { type: "detach.failed", failure },
        call("ADD"),
        call("CHECK"),
        call("DEL"),
        { type: "pod.withdrawn", requestId: "ADD" },
        { type: "pod.planned", requestId: "ADD", plan },
        { type: "pod.refused", requestId: "ADD", failure: { code: 11, msg: "", details: "" } },
        { type: "pod.release" },
      ],
      outcomes: { check: { done: [[], [{ what: "mtu", expected: "1280", found: "1500" }]] } },
      stateKey: ({ context }) => [
        context.failure === null,
        context.start,
        context.call?.type,
        context.queue.map(({ type }: AttachmentCall) => type),
      ],
      possible: ({ context }, event) => !event.type.endsWith("Wanted") || context.queue.length < 1,
    });
  });
});
