import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { type ProcessRecord, signalProcess } from "../../lab/processes/processes.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** Options for Node that make a process write a heap snapshot into `folder` at each SIGUSR2 (nodejs.org/api/cli.html). */
export function heapSnapshotOptions(folder: string): readonly string[] {
  return ["--heapsnapshot-signal=SIGUSR2", `--diagnostic-dir=${folder}`];
}

const snapshotSchema = z.object({
  snapshot: z.object({ meta: z.object({ node_fields: z.array(z.string()) }) }),
  nodes: z.array(z.number()),
});

/**
 * Bytes of the live objects on the main thread's heap of a process started with `heapSnapshotOptions(folder)`. V8
 * collects all garbage before it writes a snapshot, so nothing dead is counted. Stops the process for about a second.
 */
export async function heapAfterGc(daemon: ProcessRecord, folder: string): Promise<number> {
  signalProcess(daemon, "SIGUSR2");
  const file = await waitUntil(() => wholeSnapshot(folder), {
    what: "a heap snapshot of the daemon",
    timeoutMs: 60_000,
    everyMs: 200,
  });
  await rm(file.path);
  const selfSize = file.content.snapshot.meta.node_fields.indexOf("self_size");
  const width = file.content.snapshot.meta.node_fields.length;
  return file.content.nodes.reduce(
    (sum, value, index) => (index % width === selfSize ? sum + value : sum),
    0,
  );
}

async function wholeSnapshot(
  folder: string,
): Promise<{ readonly path: string; readonly content: z.infer<typeof snapshotSchema> } | undefined> {
  const name = (await readdir(folder)).find((file) => file.endsWith(".heapsnapshot"));
  if (name === undefined) return undefined;
  const path = join(folder, name);
  try {
    return { path, content: snapshotSchema.parse(JSON.parse(await readFile(path, "utf8"))) };
  } catch (error) {
    // Not written to its end yet.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
