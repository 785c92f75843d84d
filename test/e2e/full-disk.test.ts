import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { wireLog } from "../lab/headcni/wire.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addNetns, netnsPath, removeNetns } from "../lab/network/netns.ts";
import { run } from "../lab/run-command.ts";
import { killService, serviceProcess, startService } from "../lab/services.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { cleanUp } from "./support/clean-node.ts";
import { addressIn, callPlugin } from "./support/plugin-call.ts";
import { useLab } from "./support/use-lab.ts";
import { podKernelState } from "./support/views/kernel-view.ts";

/** A node whose runtime directory is a file system of half a megabyte. */
const lab = useLab({ nodes: 1 });
const node = (): LabNode => nodeOf(lab(), "n1");
const daemon = { name: "daemon", node: "n1" } as const;
const wire = { name: "wire", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;
const filler = () => join(node().runtimeDir, "filler");

beforeAll(async () => {
  await cleanUp(lab(), node());
  await mkdir(node().runtimeDir, { recursive: true });
  await run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", node().runtimeDir]);
  await startService(lab(), wire);
  await startService(lab(), daemon);
  await waitForDaemon(lab(), node());
});

/** Takes the last byte: what there is of logs grows into any gap. */
async function fillDisk(): Promise<void> {
  const reason = await writeFile(filler(), Buffer.alloc(1024 * 1024)).then(
    () => "nothing",
    (error: NodeJS.ErrnoException) => error.code,
  );
  expect(reason).toBe("ENOSPC");
}

async function sandbox(name: string) {
  const netns = `${netnsPrefix(lab().id)}${name}`;
  await addNetns(netns);
  const call = { containerId: randomUUID(), netns: netnsPath(netns) };
  return {
    add: () => callPlugin(node(), { command: "ADD", ...call }),
    del: () => callPlugin(node(), { command: "DEL", ...call }),
    remove: () => removeNetns(netns),
  };
}

async function logSays(file: string, text: string): Promise<void> {
  const log = () => readFile(file, "utf8");
  await waitUntil(async () => (await log()).includes(text), {
    what: `${file} says "${text}"`,
    timeoutMs: 30_000,
    explain: async () => (await log()).slice(-2000),
  });
}

test("with a full runtime directory pods come and go, also through a new daemon; a DEL that cannot be kept says why", async () => {
  const [stays, goes] = [await sandbox("stays"), await sandbox("goes")];
  expect(addressIn(await stays.add())).toBeDefined();
  await fillDisk();
  expect(addressIn(await goes.add())).toBeDefined();
  expect(await goes.del()).toMatchObject({ exitCode: 0 });
  await logSays(node().logFile, `${join(node().runtimeDir, "address-hints.json")} was not written: ENOSPC`);

  await killService(lab(), daemon);
  const refused = await stays.del();
  expect(refused).toMatchObject({ exitCode: 1, answer: { code: 5 } });
  const text = JSON.stringify(refused.answer);
  expect(text).toContain(join(node().runtimeDir, "deleted"));
  expect(text).toContain("No space left on device");

  await startService(lab(), daemon);
  await waitForDaemon(lab(), node());
  expect((await podKernelState(node())).routes).toHaveLength(1);
  expect(addressIn(await goes.add())).toBeDefined();
  expect(await goes.del()).toMatchObject({ exitCode: 0 });
  expect(await stays.del()).toMatchObject({ exitCode: 0 });
  await waitUntil(async () => (await podKernelState(node())).links.length === 0, {
    what: "no pod is left",
    timeoutMs: 30_000,
  });
  await rm(filler());
  await Promise.all([stays.remove(), goes.remove()]);
});

test("tailscaled that dies on a full disk comes back when there is space, and says what it waits for", async () => {
  const before = await serviceProcess(lab(), tailscaled);
  await fillDisk();
  await killService(lab(), tailscaled);
  await logSays(wireLog(node()), `${join(node().runtimeDir, "wire.json")} was not written: ENOSPC`);
  await rm(filler());
  await waitUntil(
    async () => {
      const now = await serviceProcess(lab(), tailscaled);
      return now !== undefined && now.pid !== before?.pid;
    },
    { what: "tailscaled runs again", timeoutMs: 90_000 },
  );
  await waitForDaemon(lab(), node());
  const names = await readdir(node().runtimeDir);
  expect(names.filter((name) => name.endsWith(".new"))).toEqual([]);
  const spool = await readdir(join(node().runtimeDir, "deleted")).catch(() => []);
  expect(spool).toEqual([]);
});
