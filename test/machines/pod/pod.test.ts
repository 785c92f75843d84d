import { describe, expect, test } from "vitest";
import { createActor, fromPromise } from "xstate";
import type { LinksEvent } from "../../../machines/links/links-machine.ts";
import type {
  AttachmentAnswer,
  AttachmentCall,
  AttachmentReport,
  Detached,
  PodStart,
} from "../../../machines/pod/pod-events.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import type { PolicyCall } from "../../../machines/policy/policy-events.ts";
import type { AttachedLinks, AttachmentPlan, Mismatch } from "../../../src/domain/attachment/attachment.ts";
import { planAttachment } from "../../../src/domain/attachment/pod-network-plan.ts";
import { type Failure, HeadcniError } from "../../../src/domain/failure.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

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
  const links = recorder<LinksEvent>();
  const begun = (name: string) => {
    effects.push(name);
    return new Promise<never>(() => undefined);
  };
  const machine = podMachine.provide({
    actors: {
      attach: fromPromise<AttachedLinks, { plan: AttachmentPlan }>(() => begun("attach")),
      detach: fromPromise<Detached, { hostLink: string }>(() => begun("detach")),
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
      links: links.ref,
      policy: null,
    },
    clock,
  });
  pod.start();
  /** The end of an effect, as XState tells it, in the same step. */
  const ended = (kind: "done" | "error", effect: "attach" | "detach", what: object) =>
    pod.send({ type: `xstate.${kind}.actor.${effect}`, actorId: effect, ...what } as never);
  const attached = () => ended("done", "attach", { output: { netnsInode: "1" } });
  const fail = (effect: "attach" | "detach", { code, message }: Failure) =>
    ended("error", effect, { error: new HeadcniError(message, { code }) });
  const unroute = (atMs = 1) => ended("done", "detach", { output: { lingers: true, atMs } });
  const leave = (atMs?: number) => {
    unroute(atMs);
    pod.send({ type: "link.gone" });
  };
  const ask = (command: keyof typeof types, requestId: string, netns?: string) =>
    pod.send(call(command, requestId, netns));
  /** What the calls were told, in order. */
  const told = () =>
    client.events.map((answer) =>
      answer.type === "pod.failed"
        ? `${answer.requestId} failed: ${answer.failure.msg}`
        : `${answer.requestId} ${answer.type}`,
    );
  return { pod, registry, links, client, clock, effects, attached, fail, unroute, leave, ask, told };
}

describe("a pod", () => {
  test("cancelled in the middle of its ADD lets the kernel work end before it cleans up", () => {
    const { pod, effects, leave, registry, ask, told, attached } = startPod("attach", "ADD");
    ask("DEL", "del");
    expect(effects).toEqual(["attach"]);
    expect(told()).toEqual(["first failed: c1/eth0: a DEL came after this call"]);
    attached();
    expect(effects).toEqual(["attach", "detach"]);
    leave(42);
    expect(told().slice(1)).toEqual(["del pod.detached"]);
    expect(registry.events.at(-1)).toEqual({ type: "pod.idle", slot: 3, releasedAtMs: 42 });
    pod.send({ type: "pod.release" });
    expect(pod.getSnapshot()).toMatchObject({ value: "gone", status: "done" });
  });

  test("cleans up after a failed ADD before it says why", () => {
    const { pod, told, fail, unroute } = startPod("attach", "ADD");
    fail("attach", failure);
    expect(told()).toEqual([]);
    unroute();
    expect(told()).toEqual(["first failed: ADD of c1/eth0: no"]);
    pod.send({ type: "link.gone" });
    pod.send({ type: "pod.release" });
    expect(pod.getSnapshot().value).toBe("failed");
  });

  test("gives up an ADD that the kernel does not answer within 12 s", () => {
    const { clock, effects, told, unroute } = startPod("attach", "ADD");
    expect(clock.fire(12_000)).toBe(true);
    expect(effects.at(-1)).toBe("detach");
    unroute();
    expect(told()).toEqual(["first failed: ADD of c1/eth0: attaching took more than 12 s"]);
  });

  test("asks for other addresses up to three times when something else routes those it has", () => {
    const { pod, leave, told, registry, fail } = startPod("attach", "ADD");
    for (let round = 1; round <= 3; round += 1) {
      fail("attach", taken);
      leave(round);
      expect(registry.events.at(-1)).toEqual({ type: "pod.idle", slot: 3, releasedAtMs: round });
      pod.send({ type: "pod.planned", requestId: "first", plan });
      expect(pod.getSnapshot().value).toBe("attaching");
    }
    expect(told()).toEqual([]);
    fail("attach", taken);
    leave();
    expect(told()).toEqual(["first failed: ADD of c1/eth0: taken"]);
  });

  test("makes the attachment anew when the same ADD finds the kernel otherwise than planned", async () => {
    const { pod, leave, ask, told, registry, attached } = startPod("attached", undefined, [link]);
    ask("ADD", "again", "/other");
    await new Promise(setImmediate);
    leave();
    expect(registry.types()).toEqual(["pod.idle"]);
    pod.send({ type: "pod.planned", requestId: "again", plan: { ...plan, netns: "/other" } });
    attached();
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
    const { ask, told, registry, attached } = startPod("attach", "ADD", [link]);
    ask("CHECK", "second");
    ask("CHECK", "third");
    expect(told()).toEqual([]);
    attached();
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

  test("drops a waiting call that nobody waits for, undoes its ADD, and continues with the others", () => {
    const { pod, leave, ask, told, effects, attached, fail } = startPod("attach", "ADD");
    ask("CHECK", "second");
    ask("ADD", "third");
    pod.send({ type: "pod.withdrawn", requestId: "second" });
    pod.send({ type: "pod.withdrawn", requestId: "first" });
    expect(told()).toEqual([
      "second failed: c1/eth0: not done in time, the attachment is attaching, with earlier calls to do",
      "first failed: c1/eth0: not done in time, the attachment is attaching",
    ]);
    expect(effects).toEqual(["attach"]);
    fail("attach", failure);
    leave();
    pod.send({ type: "pod.planned", requestId: "third", plan });
    attached();
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
    const { clock, ask, told, effects, fail } = startPod("detach", "DEL");
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      fail("detach", failure);
      const [wait = 0] = clock.running();
      waits.push(wait);
      expect(clock.fire(wait)).toBe(true);
    }
    expect(waits[0]).toBeLessThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(waits.at(-1)).toBeGreaterThan(10_000);
    expect(told()).toEqual(["first failed: DEL of c1/eth0: no"]);
    fail("detach", failure);
    ask("DEL", "again");
    expect(effects.at(-1)).toBe("detach");
  });

  test("asks again when a deleted link is still there after 30 s", () => {
    const { clock, effects, unroute } = startPod("detach");
    unroute();
    expect(clock.fire(30_000)).toBe(true);
    expect(effects).toEqual(["detach", "detach"]);
  });

  test("is idle at once where a failed ADD left no link", () => {
    const { pod, links, fail, told } = startPod("attach", "ADD");
    fail("attach", failure);
    pod.send({
      type: "xstate.done.actor.detach",
      actorId: "detach",
      output: { lingers: false, atMs: 1 },
    } as never);
    expect(pod.getSnapshot().value).toBe("idle");
    expect(links.events).toEqual([]);
    expect(told()).toEqual(["first failed: ADD of c1/eth0: no"]);
  });

  test("leaves no timer behind", () => {
    const { leave, clock, ask, attached } = startPod("attach", "ADD");
    attached();
    expect(clock.running()).toEqual([]);
    ask("DEL", "del");
    leave();
    expect(clock.running()).toEqual([]);
  });

  test("walks all its transitions", async () => {
    const registry = recorder<AttachmentReport>().ref;
    const links = recorder<LinksEvent>().ref;
    const policy = recorder<PolicyCall>().ref;
    const replyTo = recorder<AttachmentAnswer>().ref;
    const call = (command: keyof typeof types): AttachmentCall => {
      const request = cniRequest(command, "c1");
      return { type: types[command], requestId: command, request, replyTo, atMs: 1 };
    };
    await walkAllTransitions(podMachine, {
      input: { slot: 0, plan, start: "attach", call: call("ADD"), registry, links, policy },
      moreInputs: [
        { slot: 0, plan, start: "attach", call: call("ADD"), registry, links, policy: null },
        { slot: 0, plan, start: "attached", call: null, registry, links, policy },
        { slot: 0, plan, start: "detach", call: call("DEL"), registry, links, policy },
      ],
      events: [
        { type: "link.gone" },
        { type: "policies.inForce" },
        call("ADD"),
        call("CHECK"),
        call("DEL"),
        { type: "pod.withdrawn", requestId: "ADD" },
        { type: "pod.planned", requestId: "ADD", plan },
        { type: "pod.refused", requestId: "ADD", failure: { code: 11, msg: "", details: "" } },
        { type: "pod.release" },
      ],
      outcomes: {
        detach: { done: [true, false].map((lingers) => ({ lingers, atMs: 1 })) },
        check: { done: [[], [{ what: "mtu", expected: "1280", found: "1500" }]] },
      },
      stateKey: ({ context }) => [
        context.failure === null,
        context.start,
        context.policy === null,
        context.call?.type,
        context.queue.map(({ type }: AttachmentCall) => type),
      ],
      possible: ({ context }, event) => !event.type.endsWith("Wanted") || context.queue.length < 1,
    });
  });
});
