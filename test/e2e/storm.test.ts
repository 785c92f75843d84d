import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { waitForDaemon } from "../lab/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "../lab/netns.ts";
import { runResult } from "../lab/run-command.ts";
import { killService, startService } from "../lab/services.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { podKernelState } from "./support/kernel-view.ts";
import { addressIn, callPlugin } from "./support/plugin-call.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 1 });
const node = (): LabNode => nodeOf(lab(), "n1");
const kills = 100;
const workers = 6;

/** DEL answers before the kernel is done with the link, and a spooled DEL is done by the daemon in its own time. */
async function nothingLeft(): Promise<void> {
  const clean = async () => {
    const { links, routes } = await podKernelState(node());
    return links.length === 0 && routes.length === 0;
  };
  await waitUntil(clean, {
    what: "no link and no route of a pod is left",
    timeoutMs: 10_000,
    explain: async () => JSON.stringify(await podKernelState(node())),
  });
}

type Sandbox = { readonly name: string; containerId: string; address: string | undefined };

test("100 kills -9 under a storm of ADD and DEL: no address twice, nothing leaked, every success is true", async () => {
  const daemon = { name: "daemon", node: "n1" } as const;
  const storm = { over: false, adds: 0, dels: 0, refused: 0, twice: [] as string[] };
  const owners = new Map<string, string>();
  const sandboxes: Sandbox[] = [];
  for (let index = 0; index < workers; index += 1) {
    const name = `${netnsPrefix(lab().id)}w${index}`;
    await addNetns(name);
    sandboxes.push({ name, containerId: "", address: undefined });
  }

  /** ADD and DEL in turn, retried as a runtime does, until the storm is over. */
  async function work(sandbox: Sandbox): Promise<void> {
    while (!storm.over) {
      sandbox.containerId = randomUUID();
      const call = { containerId: sandbox.containerId, netns: netnsPath(sandbox.name) };
      const address = addressIn(await callPlugin(node(), { command: "ADD", ...call }));
      if (address === undefined) storm.refused += 1;
      else {
        storm.adds += 1;
        const owner = owners.get(address);
        if (owner !== undefined) storm.twice.push(`${address}: ${owner} and ${sandbox.containerId}`);
        owners.set(address, sandbox.containerId);
        const answers = await runResult(inNetns(node().netns, ["ping", "-q", "-c", "1", "-W", "2", address]));
        expect(answers.exitCode, `${address} answered ADD with success and must work`).toBe(0);
        owners.delete(address);
      }
      const deleted = await callPlugin(node(), { command: "DEL", ...call });
      expect(deleted, "DEL never fails").toMatchObject({ exitCode: 0 });
      storm.dels += 1;
    }
  }

  const working = Promise.all(sandboxes.map(work));
  for (let kill = 0; kill < kills; kill += 1) {
    // Random moments: every other kill meets the start and the recovery, the rest a daemon that is at work.
    const answered = storm.adds;
    if (kill % 2 === 1)
      await waitUntil(async () => storm.adds > answered, { what: "an ADD is answered", timeoutMs: 20_000 });
    await delay(Math.random() * 500);
    await killService(lab(), daemon);
    await startService(lab(), daemon);
  }
  storm.over = true;
  await waitForDaemon(lab(), node());
  await working;
  expect(storm.twice).toEqual([]);
  expect(storm.adds).toBeGreaterThanOrEqual(kills / 2);
  await nothingLeft();
  await Promise.all(sandboxes.map(({ name }) => removeNetns(name)));
}, 600_000);

test("a DEL while the daemon is away is done at its next start", async () => {
  const name = `${netnsPrefix(lab().id)}away`;
  await addNetns(name);
  const call = { containerId: randomUUID(), netns: netnsPath(name) };
  const address = addressIn(await callPlugin(node(), { command: "ADD", ...call }));
  await killService(lab(), { name: "daemon", node: "n1" });
  expect(await callPlugin(node(), { command: "DEL", ...call })).toMatchObject({ exitCode: 0 });
  expect((await podKernelState(node())).routes).toContain(address);
  await startService(lab(), { name: "daemon", node: "n1" });
  await waitForDaemon(lab(), node());
  await nothingLeft();
  await removeNetns(name);
});
