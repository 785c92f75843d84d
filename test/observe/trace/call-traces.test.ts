import { expect, test } from "vitest";
import type { CallTrace } from "../../../src/observe/trace/call-trace.ts";
import { exchange } from "../../support/cni-client.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { until } from "../../support/until.ts";
import { tracedStack } from "./traced-stack.ts";

/** Who did what, in order, without times. */
function story({ steps }: CallTrace): readonly string[] {
  return steps.map((step) => {
    if (step.kind === "transition") return `${step.machine}: ${step.from} -> ${step.to} (${step.event})`;
    if (step.kind === "wait") return `waits ${step.why}`;
    return `kernel: ${step.name}${step.failure === null ? "" : `, ${step.failure.code}`}`;
  });
}

test("an ADD is told from its arrival to its answer", async () => {
  const { path, open, traces } = await tracedStack();
  await open();
  await exchange(path, cniRequest("ADD", "c1", { traceparent: "00-ab-cd-01" }));
  const [call] = traces.calls();
  expect(call).toMatchObject({
    command: "ADD",
    containerId: "c1",
    pod: { namespace: "default", name: "pod-c1", uid: "uid-c1" },
    traceparent: "00-ab-cd-01",
    outcome: "ok",
    error: null,
    addresses: ["10.244.1.2/32"],
    dropped: 0,
  });
  expect(call && story(call)).toEqual([
    "request:  -> asking (xstate.init)",
    "pod:  -> attaching (xstate.init)",
    "kernel: attach",
    "pod: attaching -> attached (xstate.done.actor.attach)",
    "request: asking -> answered (pod.attached)",
  ]);
  for (const step of call?.steps ?? []) expect(step.atMs).toBeLessThanOrEqual(call?.ms ?? 0);
});

test("a DEL is told to the end of its link, which comes after the answer", async () => {
  const { path, open, traces, kernel, counts } = await tracedStack();
  await open();
  await exchange(path, cniRequest("ADD", "c1"));
  const release = kernel.holdReleases();
  await exchange(path, cniRequest("DEL", "c1"));
  expect(traces.calls().at(-1)?.outcome).toBe("ok");
  release();
  await until(() => counts().children === 0, "the pod to end");
  const call = traces.calls().at(-1);
  const told = call === undefined ? [] : story(call);
  expect(told).toContain("kernel: detach");
  expect(told).toContain("kernel: delete link");
  expect(told.at(-1)).toBe("pod: idle -> gone (pod.release)");
  expect(call?.steps.at(-1)?.atMs).toBeGreaterThan(call?.ms ?? Number.POSITIVE_INFINITY);
});

test("the operation that failed is named, and the call stays on record", async () => {
  const { path, open, traces, kernel } = await tracedStack();
  await open();
  kernel.failNext("attach", { code: "KERNEL_REFUSED", errno: "ENOMEM", operation: "link.add", text: "" });
  const answer = await exchange(path, cniRequest("ADD", "c1"));
  expect(answer.ok).toBe(false);
  const [call] = traces.calls();
  expect(call?.outcome).toBe("failed");
  expect(call?.error).toMatchObject({ code: expect.any(Number), msg: expect.any(String) });
  expect(call && story(call)).toContain("kernel: attach, KERNEL_REFUSED");
});

test("a call that came before the daemon is ready shows its wait", async () => {
  const { path, open, running, traces } = await tracedStack();
  const early = exchange(path, cniRequest("ADD", "c1"));
  await until(() => running() === 1, "the request");
  expect(traces.calls()[0]).toMatchObject({ outcome: "running", ms: null });
  await open();
  await early;
  const wait = traces.calls()[0]?.steps.find(({ kind }) => kind === "wait");
  expect(wait).toMatchObject({ why: expect.stringContaining("until"), ms: expect.any(Number) });
});

test("a call behind another of its key shows whom it waits for, and not the other's steps", async () => {
  const { path, open, running, traces, kernel } = await tracedStack();
  await open();
  const go = kernel.holdUp("attach");
  const first = exchange(path, cniRequest("ADD", "c1"));
  await until(() => kernel.calls.some((line) => line.startsWith("attach")), "the kernel call");
  const second = exchange(path, cniRequest("ADD", "c1"));
  await until(() => running() === 2, "both requests");
  go();
  await Promise.all([first, second]);
  const call = traces.calls().at(-1);
  expect(call && story(call)).toEqual([
    "request:  -> asking (xstate.init)",
    "waits behind the ADD of the same attachment",
    "pod: attached -> checking (xstate.done.actor.attach)",
    "kernel: check",
    expect.stringMatching(/^pod: checking -> attached/),
    "request: asking -> answered (pod.attached)",
  ]);
});

test("what is kept is bounded, and failures outlive a storm of good calls", async () => {
  const { path, open, traces, kernel } = await tracedStack();
  await open();
  kernel.failNext("attach", { code: "KERNEL_REFUSED", errno: "ENOMEM", operation: "link.add", text: "" });
  await exchange(path, cniRequest("ADD", "bad"));
  for (let count = 0; count < 300; count++) await exchange(path, cniRequest("DEL", "good"));
  const calls = traces.calls();
  expect(calls).toHaveLength(257);
  expect(calls[0]).toMatchObject({ containerId: "bad", outcome: "failed" });
});

test("STATUS, asked for every few seconds, washes nothing away", async () => {
  const { path, open, traces } = await tracedStack();
  await open();
  await exchange(path, cniRequest("ADD", "c1"));
  for (let count = 0; count < 300; count++) await exchange(path, cniRequest("STATUS", ""));
  expect(traces.calls().map(({ command }) => command)).toEqual(["ADD"]);
});

const prevResult = { cniVersion: "1.1.0" as const, interfaces: [], ips: [], routes: [], dns: {} };

test("a call that is repeated without end costs nothing after its answer", async () => {
  const { path, open, traces } = await tracedStack();
  await open();
  await exchange(path, cniRequest("ADD", "c1"));
  for (let count = 0; count < 50; count++) await exchange(path, cniRequest("CHECK", "c1", { prevResult }));
  expect(traces.calls()[0]?.steps.length).toBe(5);
});
