import { describe, expect, test } from "vitest";
import { createActor, type EventObject, fromCallback, fromPromise, type NonReducibleUnknown } from "xstate";
import type { PodEffectEvent, PodReport, PodStart } from "../../machines/pod/pod-events.ts";
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

/** A pod whose effects are played by the test. */
function startPod(start: PodStart, mismatches: readonly Mismatch[] = []) {
  const registry = recorder<PodReport>();
  const clock = manualClock();
  const effects: string[] = [];
  const play = <Event extends EventObject, Input extends NonReducibleUnknown>(name: string) =>
    Object.assign(
      fromCallback<Event, Input>(({ receive }) => {
        effects.push(name);
        receive((event) => effects.push(event.type));
        return () => effects.push(`${name} stopped`);
      }),
      { neverDone: true as const },
    );
  const machine = podMachine.provide({
    actors: {
      attach: play<{ type: "attach.cancel" }, { plan: AttachmentPlan }>("attach"),
      detach: play<EventObject, { hostLink: string }>("detach"),
      check: fromPromise(async () => mismatches),
    },
  });
  const pod = createActor(machine, { input: { plan, start, registry: registry.ref }, clock });
  pod.start();
  const hear = (...events: PodEffectEvent[]) => {
    for (const event of events) pod.send(event);
  };
  return { pod, registry, clock, effects, hear };
}

describe("a pod", () => {
  test("cancelled in the middle of its ADD lets the kernel work end before it cleans up", () => {
    const { pod, effects, hear, registry } = startPod("attach");
    pod.send({ type: "pod.detach" });
    expect(effects).toEqual(["attach", "attach.cancel"]);
    hear({ type: "attach.done" });
    expect(effects).toEqual(["attach", "attach.cancel", "attach stopped", "detach"]);
    hear({ type: "detach.unrouted" }, { type: "detach.released", atMs: 42 });
    expect(registry.types()).toEqual(["attachment.unrouted"]);
    expect(pod.getSnapshot()).toMatchObject({ value: "gone", output: { key: "c1/eth0", releasedAtMs: 42 } });
  });

  test("cleans up after a failed ADD before it says why", () => {
    const { pod, hear, registry } = startPod("attach");
    hear({ type: "attach.failed", failure });
    expect(registry.events).toEqual([]);
    hear({ type: "detach.unrouted" });
    expect(registry.events).toEqual([{ type: "attachment.unrouted", key: "c1/eth0", failure }]);
    hear({ type: "detach.released", atMs: 1 });
    expect(pod.getSnapshot().value).toBe("failed");
  });

  test("gives up an ADD that the kernel does not answer within 12 s", () => {
    const { clock, effects, hear, registry } = startPod("attach");
    expect(clock.fire(12_000)).toBe(true);
    expect(effects.at(-1)).toBe("detach");
    hear({ type: "detach.unrouted" });
    expect(registry.events).toMatchObject([{ failure: { code: "TIMEOUT" } }]);
  });

  test("removes and says so when the same ADD finds the kernel otherwise than planned", async () => {
    const { pod, hear, registry } = startPod("attached", [
      { what: "link", expected: "eth0", found: "nothing" },
    ]);
    pod.send({ type: "pod.verify", netns: "/other" });
    await new Promise(setImmediate);
    hear({ type: "detach.unrouted" });
    expect(registry.events).toEqual([{ type: "attachment.unrouted", key: "c1/eth0" }]);
  });

  test("stands with the namespace of the call when the same ADD finds all as planned", async () => {
    const { pod, registry } = startPod("attached");
    pod.send({ type: "pod.verify", netns: "/new" });
    await new Promise(setImmediate);
    expect(registry.events).toMatchObject([{ type: "attachment.attached", plan: { netns: "/new" } }]);
  });

  test("tries a refused removal again, later each time but never after more than 30 s, and at once on a new DEL", () => {
    const { pod, hear, clock, registry, effects } = startPod("detach");
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
    expect(new Set(registry.types())).toEqual(new Set(["attachment.lingers"]));
    hear({ type: "detach.failed", failure });
    pod.send({ type: "pod.detach" });
    expect(effects.at(-1)).toBe("detach");
  });

  test("asks again when a deleted link is still there after 30 s", () => {
    const { hear, clock, effects } = startPod("detach");
    hear({ type: "detach.unrouted" });
    expect(clock.fire(30_000)).toBe(true);
    expect(effects).toEqual(["detach", "detach stopped", "detach"]);
  });

  test("leaves no timer behind", () => {
    const { hear, clock, pod } = startPod("attach");
    hear({ type: "attach.done" });
    expect(clock.running()).toEqual([]);
    pod.send({ type: "pod.detach" });
    hear({ type: "detach.unrouted" }, { type: "detach.released", atMs: 1 });
    expect(clock.running()).toEqual([]);
  });

  test("walks all its transitions", async () => {
    const registry = recorder().ref;
    await walkAllTransitions(podMachine, {
      input: { plan, start: "attach", registry },
      moreInputs: [
        { plan, start: "attached", registry },
        { plan, start: "detach", registry },
      ],
      events: [
        { type: "attach.done" },
        { type: "attach.failed", failure },
        { type: "detach.unrouted" },
        { type: "detach.released", atMs: 1 },
        { type: "detach.failed", failure },
        { type: "pod.check", netns: "/n" },
        { type: "pod.verify", netns: "/n" },
        { type: "pod.detach" },
      ],
      outcomes: { check: { done: [[], [{ what: "mtu", expected: "1280", found: "1500" }]] } },
      stateKey: ({ context }) => [context.failure === null, context.start],
    });
  });
});
