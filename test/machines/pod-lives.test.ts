import { expect, test } from "vitest";
import { createActor } from "xstate";
import type { PodsCall } from "../../machines/pods/pods-events.ts";
import type { ExchangeReply } from "../../machines/request/request-events.ts";
import { requestMachine } from "../../machines/request/request-machine.ts";
import type { Recipient } from "../../machines/support/recipient.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { fakePodNetwork } from "../support/fake-pod-network.ts";
import { startPods } from "../support/pods-desk.ts";
import { recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";

const lives = 20_000;
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
