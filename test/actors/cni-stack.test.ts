import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { spoolDirectory, spoolFileName } from "../../src/protocol/runtime-files.ts";
import { cniClient, exchange } from "../support/cni-client.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { startCniStack } from "../support/cni-stack.ts";
import { fakePodNetwork } from "../support/kernel/fake-pod-network.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

async function openStack(settings: Parameters<typeof startCniStack>[2] = {}) {
  const kernel = fakePodNetwork();
  const runtimeDir = temporaryDirectory();
  const stack = await startCniStack(runtimeDir, kernel, settings);
  onTestFinished(() => {
    stack.cni.stop();
    stack.pods.stop();
  });
  return { ...stack, kernel, runtimeDir };
}

test("ADD, the same ADD, CHECK with its result, STATUS, GC and DEL work over the socket", async () => {
  const { path, open, cni, kernel, counts } = await openStack();
  await open();
  cni.send({ type: "cni.readiness", ready: true, reason: "" });
  const added = await exchange(path, cniRequest("ADD", "c1"));
  expect(added).toMatchObject({ ok: true, result: { ips: [{ address: "10.244.1.2/32" }] } });
  expect(await exchange(path, cniRequest("ADD", "c1"))).toEqual(added);
  if (!added.ok || added.result === undefined) throw new Error("no result");
  expect(await exchange(path, cniRequest("CHECK", "c1", { prevResult: added.result }))).toMatchObject({
    ok: true,
  });
  expect(await exchange(path, cniRequest("STATUS", ""))).toMatchObject({ ok: true });
  const valid = [{ containerId: "c1", ifname: "eth0" }];
  expect(await exchange(path, cniRequest("GC", "", { validAttachments: valid }))).toMatchObject({ ok: true });
  expect(kernel.links.size).toBe(1);
  expect(await exchange(path, cniRequest("DEL", "c1"))).toEqual({ wire: 1, ok: true });
  await until(() => counts().children === 0, "the pod to end");
});

test("an ADD that comes before the daemon is ready waits and is served", async () => {
  const { path, open, running } = await openStack();
  const early = exchange(path, cniRequest("ADD", "c1"));
  await until(() => running() === 1, "the request");
  await open();
  expect(await early).toMatchObject({ ok: true });
});

test("a client that dies in the middle of its ADD leaves nothing behind", async () => {
  const { path, open, kernel, counts, running } = await openStack();
  await open();
  const go = kernel.holdUp("attach");
  const client = cniClient(path);
  client.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
  await until(() => kernel.calls.some((line) => line.startsWith("attach")), "the kernel call");
  client.leave();
  await until(() => running() === 0, "the call to end");
  go();
  await until(() => counts().children === 0, "the pod to end");
  expect(counts()).toMatchObject({ rows: 0, used: 0 });
  expect([running(), kernel.links.size]).toEqual([0, 0]);
});

test("a spooled DEL of an attachment is done and its file removed", async () => {
  const { path, open, runtimeDir, kernel } = await openStack();
  await open();
  await exchange(path, cniRequest("ADD", "c1"));
  const directory = spoolDirectory(runtimeDir);
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, spoolFileName("c1", "eth0")),
    JSON.stringify(cniRequest("DEL", "c1", { netns: "" })),
  );
  await until(() => kernel.links.size === 0 && readdirSync(directory).length === 0, "the DEL to be done");
});

test("closing answers what runs", async () => {
  const { path, open, cni, kernel, reports } = await openStack();
  await open();
  const go = kernel.holdUp("attach");
  const added = exchange(path, cniRequest("ADD", "c1"));
  await until(() => kernel.calls.some((line) => line.startsWith("attach")), "the kernel call");
  cni.send({ type: "cni.close" });
  go();
  expect(await added).toMatchObject({ ok: true });
  await until(() => reports.types().includes("cni.closed"), "the end");
});

/** Repeatable disorder (Numerical Recipes' generator): a failing run can be run again. */
function disorder(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("a storm of ADD, DEL, CHECK, deaths and kernel errors never gives an address twice and leaves nothing", async () => {
  const { path, open, kernel, counts, running } = await openStack({ prefixes: ["10.244.1.0/26"], restMs: 5 });
  await open();
  const pick = disorder(7);
  const act = async (): Promise<void> => {
    const id = `c${pick(30)}`;
    const what = pick(20);
    if (what === 0)
      kernel.failNext("attach", { code: "KERNEL_REFUSED", errno: "EBUSY", operation: "x", text: "" });
    if (what === 1) kernel.failNext("detach", { code: "CLOSED" });
    if (what === 2) {
      const client = cniClient(path);
      client.send(`${JSON.stringify(cniRequest("ADD", id))}\n`);
      for (let turn = pick(4); turn > 0; turn -= 1) await new Promise(setImmediate);
      client.leave();
      return;
    }
    const command = what < 11 ? "ADD" : what < 18 ? "DEL" : "CHECK";
    const prevResult = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;
    await exchange(path, cniRequest(command, id, command === "CHECK" ? { prevResult } : {}));
  };
  const worker = async () => {
    for (let step = 0; step < 60; step += 1) await act();
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  expect(kernel.violations).toEqual([]);
  // Failed removals are repeated by the pods themselves after a second; a DEL makes them go now.
  for (let id = 0; id < 30; id += 1)
    await until(async () => (await exchange(path, cniRequest("DEL", `c${id}`))).ok, `c${id} to go`);
  await until(() => counts().children === 0 && running() === 0, "everything to end");
  expect(counts()).toMatchObject({ rows: 0, used: 0, waiting: 0 });
  expect(kernel.links.size + kernel.leaving.size).toBe(0);
});
