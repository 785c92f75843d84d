import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Lab, LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { type Progress, stderrProgress } from "../lab/progress.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../lab/stop-on-interrupt.ts";
import { attach, countVeths, detach, jobsFor, settled } from "./attachments.ts";
import { BenchError } from "./bench-error.ts";
import { memoryOf, requireDaemon, restartDaemon } from "./daemon-runs.ts";
import { heapAfterGc, heapSnapshotOptions } from "./heap-after-gc.ts";
import { countKernel, type KernelCount } from "./kernel-count.ts";
import { labCandidate } from "./lab-candidate.ts";
import { makeSandboxes, removeSandboxes } from "./sandboxes.ts";

const usage = `The life and death of many pods on one node: what grows, and what is left behind.
Usage: sh test/bootstrap/run.sh test/bench/storm.ts [--lives N] [--daemon bundle|source] [--json]     (as root)
  --lives N    pod lives after the warm-up (100000: about ten minutes)
Ends with code 1 when the heap grew by 10 MB or more, or the kernel has something more than before.
`;

const podsPerWave = 100;
/** Lives before the first look: by then V8 has compiled what runs often, and caches are full. */
const warmUpLives = 2_000;
const looks = 5;
const allowedHeapGrowthMb = 10;

/** What there is of a daemon and of its node's network at one moment. Decimal megabytes. */
type Look = {
  readonly lives: number;
  readonly heapMb: number;
  readonly rssMb: number;
  readonly openFiles: number;
  readonly kernel: KernelCount;
};

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      lives: { type: "string" },
      daemon: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const lives = Number(values.lives ?? 100_000);
  if (values.help === true || !Number.isInteger(lives) || lives < podsPerWave) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 1,
    daemon: values.daemon === "source" ? "source" : "bundle",
    config: { "ipam.restSeconds": 0 },
    progress,
  });
  interrupts.watch(lab.id);
  try {
    const taken = await storm(lab, lives, progress);
    const verdict = judge(taken);
    process.stdout.write(
      values.json === true ? `${JSON.stringify({ ...verdict, looks: taken })}\n` : inWords(verdict, taken),
    );
    return verdict.clean ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

async function storm(lab: Lab, lives: number, progress: Progress): Promise<readonly Look[]> {
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

type Verdict = {
  readonly heapGrowthMb: number;
  readonly leftBehind: readonly string[];
  readonly clean: boolean;
};

function judge(taken: readonly Look[]): Verdict {
  const [first, last] = [taken[0], taken.at(-1)];
  if (first === undefined || last === undefined) return { heapGrowthMb: 0, leftBehind: [], clean: true };
  const heapGrowthMb = last.heapMb - first.heapMb;
  const leftBehind = Object.entries(last.kernel).flatMap(([what, count]) => {
    const more = count - first.kernel[what as keyof KernelCount];
    return more > 0 ? [`${more} ${what}`] : [];
  });
  return { heapGrowthMb, leftBehind, clean: heapGrowthMb < allowedHeapGrowthMb && leftBehind.length === 0 };
}

function inWords({ heapGrowthMb, leftBehind, clean }: Verdict, taken: readonly Look[]): string {
  const lives = taken.at(-1)?.lives ?? 0;
  const heaps = taken.map(({ heapMb }) => heapMb.toFixed(2)).join(", ");
  const files = taken.map(({ openFiles }) => openFiles).join(", ");
  return [
    `${lives} pod lives: heap after GC ${heaps} MB (grew by ${heapGrowthMb.toFixed(2)}, bar < ${allowedHeapGrowthMb})`,
    `open files ${files}`,
    `left in the kernel: ${leftBehind.length === 0 ? "nothing" : leftBehind.join(", ")}`,
    clean ? "reached" : "NOT reached",
    "",
  ].join("\n");
}

process.exitCode = await main(process.argv.slice(2));
