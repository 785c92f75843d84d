import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { AttachmentAnswer, Detached } from "../../../machines/pod/pod-events.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import type { HintsChanged, PodsCall, PodsReport, Recovered } from "../../../machines/pods/pods-events.ts";
import { podsMachine } from "../../../machines/pods/pods-machine.ts";
import type { ExchangeReply } from "../../../machines/request/request-events.ts";
import { requestMachine } from "../../../machines/request/request-machine.ts";
import type { Recipient } from "../../../machines/support/recipient.ts";
import type { AttachedLinks, AttachmentPlan } from "../../../src/domain/attachment/attachment.ts";
import { add, cniRequest, del } from "../../support/cni-requests.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { openPods, podsSettings, startPods } from "../../support/pods-harness.ts";
import { until } from "../../support/until.ts";

const lives = 5_000;
const atOnce = 100;
const standing = 50;

test(`${lives} pod lives leave exactly what stood before: actors, slots, addresses, links`, async () => {
  const kernel = fakePodNetwork();
  kernel.quiet();
  const { open, counts, pods, call } = startPods(kernel, { prefixes: ["10.244.0.0/16"], restMs: 0 });
  await open();
  for (let index = 0; index < standing; index += 1)
    await call(cniRequest("ADD", `standing-${index}`)).answer();
  const before = counts();
  const replies = recorder<ExchangeReply>();
  const start = (command: "ADD" | "DEL", id: string) =>
    createActor(requestMachine, {
      input: {
        exchangeId: `${command} ${id}`,
        request: cniRequest(command, id),
        atMs: Date.now(),
        readiness: { ready: true, reason: "" },
        pods: pods as Recipient<PodsCall>,
        replyTo: replies.ref,
      },
    }).start();
  const answered = async (count: number) => {
    await until(() => replies.events.length === count, `${count} answers`);
    expect(replies.events.every(({ reply }) => reply.ok)).toBe(true);
    replies.events.length = 0;
  };
  const live = async (round: number) => {
    const ids = Array.from({ length: atOnce }, (_, index) => `c${round * atOnce + index}`);
    const adding = process.cpuUsage();
    for (const id of ids) start("ADD", id);
    await answered(atOnce);
    const added = process.cpuUsage(adding);
    const deleting = process.cpuUsage();
    for (const id of ids) start("DEL", id);
    await answered(atOnce);
    await until(() => counts().rows === standing, "the pods to end");
    const deleted = process.cpuUsage(deleting);
    return { add: added.user + added.system, del: deleted.user + deleted.system };
  };
  const used = { add: 0, del: 0 };
  for (let round = 0; round < lives / atOnce; round += 1) {
    const cost = await live(round);
    used.add += cost.add;
    used.del += cost.del;
  }
  const after = counts();
  expect({ ...after, slots: 0 }).toEqual({ ...before, slots: 0 });
  expect(after.slots).toBeLessThanOrEqual(standing + atOnce);
  expect(kernel.links.size).toBe(standing);
  expect(kernel.violations).toEqual([]);
  const heapMb = (process.memoryUsage().heapUsed / 1e6).toFixed(0);
  console.info(
    `CPU per call beside ${standing} pods, ${atOnce} at once: ADD ${(used.add / lives).toFixed(0)} us, DEL ${(used.del / lives).toFixed(0)} us; heap ${heapMb} MB`,
  );
}, 120_000);

/** Asks for one thing after another, by chance, of seven attachments and a kernel that fails now and then. */
async function askAtRandom(
  { call, pods, kernel }: Awaited<ReturnType<typeof openPods>>,
  chance: () => number,
) {
  const calls: ReturnType<typeof call>[] = [];
  const below = (limit: number) => Math.floor(chance() * limit);
  const id = () => `c${below(7)}`;
  const effects: readonly (readonly [number, () => unknown])[] = [
    [30, () => calls.push(call(add(id())))],
    [6, () => calls.push(call(add(id(), { netns: `/other/${below(1000)}` })))],
    [20, () => calls.push(call(del(id())))],
    [8, () => calls.push(call(cniRequest("CHECK", id())))],
    [2, () => calls.push(call(cniRequest("GC", "", { validAttachments: [] })))],
    [10, () => pods.send({ type: "pod.withdrawn", requestId: calls[below(calls.length)]?.requestId ?? "" })],
    [2, () => kernel.failNext("attach", { code: "CLOSED" })],
    [2, () => kernel.failNext("check", { code: "CLOSED" })],
    [4, () => kernel.foreignAddresses.add(`10.244.1.${below(8)}`)],
    [2, () => kernel.foreignAddresses.clear()],
    [14, () => new Promise(setImmediate)],
  ];
  const bag = effects.flatMap(([weight, effect]) => Array.from({ length: weight }, () => effect));
  for (let step = 0; step < 150; step += 1) await bag[below(bag.length)]?.();
  return calls;
}

test("whatever is asked at once, each call is answered once, no address is given twice and nothing is left", async () => {
  const answers: Record<string, number> = {};
  for (let seed = 1; seed <= 25; seed += 1) {
    const harness = await openPods({ prefixes: ["10.244.1.0/29"], restMs: 0, seed });
    const { call, pods, counts, kernel } = harness;
    const calls = await askAtRandom(harness, sequence(seed));
    await until(() => calls.every((one) => one.answers.length > 0), `answers to all calls of seed ${seed}`);
    await Promise.all([0, 1, 2, 3, 4, 5, 6].map((index) => call(del(`c${index}`)).answer()));
    await until(() => counts().rows === 0, `the pods of seed ${seed} to end`);
    expect(calls.filter((one) => one.answers.length !== 1)).toEqual([]);
    expect(counts()).toMatchObject({ children: 0, used: 0, waiting: 0 });
    expect(kernel.violations).toEqual([]);
    expect(kernel.links.size).toBe(0);
    for (const { type } of calls.flatMap((one) => one.answers)) answers[type] = (answers[type] ?? 0) + 1;
    pods.stop();
  }
  // Answers of all kinds came: the calls did meet each other.
  for (const type of ["pod.attached", "pod.detached", "pod.checked", "pod.failed", "pods.collected"])
    expect(answers[type]).toBeGreaterThan(20);
}, 120_000);

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("an ADD that comes while the pod of its key ends", () => {
  /**
   * One attachment whose DEL ends at a moment that the test chooses: while the registry works on another event, so that
   * both the ADD and what the pod reports wait in its mailbox, in the order of `steps`.
   */
  async function endWhileBusy(steps: readonly ("add" | "end")[]) {
    const client = recorder<AttachmentAnswer>();
    const machine = podsMachine.provide({
      actors: {
        recover: fromPromise<Recovered, { routerAddresses: readonly string[] }>(async () => ({
          attachments: [],
          hints: [],
        })),
        keepHints: fromCallback<HintsChanged, undefined>(() => undefined),
        pod: podMachine.provide({
          actors: {
            attach: fromPromise<AttachedLinks, { plan: AttachmentPlan }>(async () => ({ netnsInode: "1" })),
            detach: fromPromise<Detached, { hostLink: string }>(() => new Promise(() => undefined)),
          },
        }),
      },
    });
    const root = createActor(
      fromCallback<PodsReport>(({ receive }) => {
        receive((event) => {
          if (event.type !== "attachments.changed" || event.removed.length === 0) return;
          for (const step of steps) {
            if (step === "add") ask("pod.attachWanted", "late");
            else {
              const ended = { type: "xstate.done.actor.detach", actorId: "detach" };
              pods
                .getSnapshot()
                .children["pod:0"]?.send({ ...ended, output: { lingers: false, atMs: 1 } } as never);
            }
          }
        });
      }),
    ).start();
    const pods = createActor(machine, {
      input: { settings: podsSettings, policy: null, parent: root },
    }).start();
    const ask = (type: "pod.attachWanted" | "pod.detachWanted", requestId: string) =>
      pods.send({ type, requestId, request: add("c1"), replyTo: client.ref, atMs: 0 });
    pods.send({ type: "pods.recover", prefixes: ["10.244.1.0/24"] });
    pods.send({ type: "pods.open" });
    await until(() => pods.getSnapshot().matches("ready"), "the registry to be ready");
    ask("pod.attachWanted", "first");
    await until(() => client.events.length === 1, "the first ADD");
    ask("pod.detachWanted", "del");
    await until(() => client.events.length === 3, "all answers");
    return client.events.map(({ type, requestId }) => `${requestId} ${type}`);
  }

  test.each([[["add", "end"]], [["end", "add"]]] as const)("is served: %s", async (steps) => {
    expect(await endWhileBusy(steps)).toEqual([
      "first pod.attached",
      "del pod.detached",
      "late pod.attached",
    ]);
  });
});
