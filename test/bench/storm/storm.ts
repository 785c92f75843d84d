import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import type { Progress } from "../../lab/progress.ts";
import { BenchError } from "../bench-error.ts";
import { attach, countVeths, detach, jobsFor, settled } from "../calls/attachments.ts";
import { labCandidate } from "../calls/lab-candidate.ts";
import { makeSandboxes, removeSandboxes } from "../calls/sandboxes.ts";
import { memoryOf, requireDaemon, restartDaemon } from "../daemon/daemon-runs.ts";
import { heapAfterGc, heapSnapshotOptions } from "./heap-after-gc.ts";
import { countKernel, type KernelCount } from "./kernel-count.ts";

/** Pods of one wave: they live at the same time. */
export const podsPerWave = 100;
/** Lives before the first look: by then V8 has compiled what runs often, and caches are full. */
const warmUpLives = 2_000;
const looks = 5;

/** What there is of a daemon and of its node's network at one moment. Decimal megabytes. */
export type Look = {
  readonly lives: number;
  readonly heapMb: number;
  readonly rssMb: number;
  readonly openFiles: number;
  readonly kernel: KernelCount;
};

/**
 * Lets `lives` pods live and die on a lab's first node and looks at the daemon and the kernel now and then: first after a
 * warm-up, last at the end.
 */
export async function storm(lab: Lab, lives: number, progress: Progress): Promise<readonly Look[]> {
  const [node] = lab.nodes;
  if (node === undefined) throw new BenchError("BAD_OPTION", "the lab has no node");
  const snapshots = join(lab.folder, "snapshots");
  await mkdir(snapshots, { recursive: true });
  await restartDaemon(lab, node, heapSnapshotOptions(snapshots));
  const liveAndDie = await podMill(lab, node);
  const taken: Look[] = [];
  await liveAndDie(warmUpLives);
  taken.push(await look(lab, node, snapshots, 0));
  for (let done = 0; done < lives; ) {
    const start = performance.now();
    const next = Math.min(Math.ceil(lives / looks), lives - done);
    await liveAndDie(next);
    done += next;
    const seen = await look(lab, node, snapshots, done);
    taken.push(seen);
    const rate = (next / ((performance.now() - start) / 1000)).toFixed(0);
    progress(
      `Storm: ${done} of ${lives} lives, ${rate}/s, heap ${seen.heapMb.toFixed(2)} MB, RSS ${seen.rssMb.toFixed(1)} MB`,
    );
  }
  return taken;
}

/** Returns a function that lets so many pods live and die, in waves, ten calls at once. Each life has a container id of its own. */
async function podMill(lab: Lab, node: LabNode): Promise<(lives: number) => Promise<void>> {
  const candidate = await labCandidate(node);
  const veths = await countVeths(candidate);
  const prefix = `${netnsPrefix(lab.id)}s-`;
  let wave = 0;
  return async (lives) => {
    for (let done = 0; done < lives; done += podsPerWave) {
      wave += 1;
      // Namespaces end with their pods, as a runtime ends them.
      const sandboxes = await makeSandboxes(prefix, Math.min(podsPerWave, lives - done));
      const { attachments } = await attach(candidate, jobsFor(sandboxes, `storm ${wave}`), 10);
      await detach(candidate, attachments, 10);
      await removeSandboxes(prefix);
      await settled(candidate, veths);
    }
  };
}

async function look(lab: Lab, node: LabNode, snapshots: string, lives: number): Promise<Look> {
  const daemon = await requireDaemon(lab, node);
  // Before the snapshot, which itself takes memory.
  const { rssMb } = await memoryOf(daemon.pid);
  const heapMb = (await heapAfterGc(daemon, snapshots)) / 1e6;
  const openFiles = (await readdir(`/proc/${daemon.pid}/fd`)).length;
  return { lives, heapMb, rssMb, openFiles, kernel: await countKernel(node) };
}
