import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pruneCache } from "../../../../deploy/image/prune-cache.ts";
import { cacheFolder } from "../../build/go-tools.ts";
import { tailOf } from "../../processes/log-tail.ts";
import type { Progress } from "../../progress.ts";
import { run, runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";

/** What containerd changes of a store; all else in it has its last content once it is written. */
const databases = [
  "io.containerd.metadata.v1.bolt/meta.db",
  "io.containerd.snapshotter.v1.overlayfs/metadata.db",
] as const;

/** Not needed for images. The last would make a folder in /opt. */
const disabled = ["nri.v1.nri", "grpc.v1.cri", "cri.v1.images", "cri.v1.runtime", "internal.v1.opt"];

/**
 * A folder of containerd's with the images of these archives in it, read and unpacked: to do that costs a node some seconds of
 * processor time. Made once for archives of the same names, which tell their content. `containerd`: the folder with its programs.
 */
export async function ensureImageStore(
  containerd: string,
  archives: readonly string[],
  progress: Progress,
): Promise<string> {
  const hash = createHash("sha256").update([containerd, ...archives].join("\n"));
  hash.update(await readFile(import.meta.filename));
  const store = join(cacheFolder(), `image-store-${hash.digest("hex").slice(0, 12)}`);
  const now = new Date();
  if (await succeeds(utimes(store, now, now))) return store;
  progress("Unpacking the images of the lab's nodes");
  const work = await mkdtemp(`${store}.`);
  try {
    await importAll(containerd, archives, work);
    // Somebody beside this one may have been quicker.
    if (!(await succeeds(rename(join(work, "root"), store)))) await utimes(store, now, now);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await pruneCache(cacheFolder(), /^image-store-[0-9a-f]{12}$/);
  return store;
}

/** Gives a node that boots for the first time the images of a store. Files are shared with it where the file system can do that. */
export async function copyImageStore(store: string, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const copied = await runResult(["cp", "-al", `${store}/.`, root]);
  if (copied.exitCode !== 0) await run(["cp", "-a", `${store}/.`, root]);
  for (const database of databases) {
    await rm(join(root, database));
    await copyFile(join(store, database), join(root, database));
  }
}

async function importAll(containerd: string, archives: readonly string[], work: string): Promise<void> {
  const socket = join(work, "containerd.sock");
  const config = join(work, "config.toml");
  await writeFile(
    config,
    `version = 3
root = "${join(work, "root")}"
state = "${join(work, "state")}"
disabled_plugins = [${disabled.map((plugin) => `"io.containerd.${plugin}"`).join()}]

[grpc]
address = "${socket}"

[ttrpc]
address = "${socket}.ttrpc"
`,
  );
  const logFile = join(work, "log");
  const log = openSync(logFile, "a");
  const child = spawn(join(containerd, "containerd"), ["--config", config], { stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = once(child, "exit");
  const ctr = [join(containerd, "ctr"), "--address", socket, "--namespace", "k8s.io"] as const;
  try {
    await waitUntil(() => succeeds(run([...ctr, "version"])), {
      what: "containerd answers",
      timeoutMs: 60_000,
      everyMs: 200,
      explain: () => tailOf(logFile),
    });
    for (const archive of archives) await run([...ctr, "images", "import", "--local", archive]);
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return await attempt.then(
    () => true,
    () => false,
  );
}
