import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterOf } from "../lab/kubernetes/cluster.ts";
import { importImages } from "../lab/kubernetes/node/containerd.ts";
import { LabError } from "../lab/lab-error.ts";
import type { Lab } from "../lab/lab-types.ts";
import { inNetns } from "../lab/network/netns.ts";
import { tailOf } from "../lab/processes/log-tail.ts";
import type { Progress } from "../lab/progress.ts";
import type { E2eTools } from "./e2e-tools.ts";
import { readTally, type Tally } from "./tally.ts";

const reportName = "report.json";

/** Which tests, how many at once, and the folder for the log and the report. */
export type TestRun = {
  readonly focus: string;
  /** Of these, which not. */
  readonly skip?: string;
  readonly processes: number;
  readonly folder: string;
};

/** Runs those of Kubernetes' tests that `focus` (a regular expression) names against a lab's cluster. */
export async function runTests(
  lab: Lab,
  tools: E2eTools,
  testRun: TestRun,
  progress: Progress,
): Promise<Tally> {
  await Promise.all(lab.nodes.map((node) => importImages(lab, node, tools.images)));
  return await runGinkgo(
    inNetns(clusterOf(lab).netns, commandOf(lab, tools, testRun)),
    testRun.folder,
    progress,
  );
}

/**
 * Runs a command that writes Ginkgo's report into `folder`, with its output in `ginkgo.log` there, and counts. Throws
 * LabError COMMAND_FAILED if it broke before a report.
 */
export async function runGinkgo(
  [program, ...args]: readonly [string, ...string[]],
  folder: string,
  progress: Progress,
): Promise<Tally> {
  const logFile = join(folder, "ginkgo.log");
  const start = performance.now();
  const heartbeat = setInterval(() => {
    progress(`  tests run for ${Math.round((performance.now() - start) / 1000)} s`);
  }, 30_000);
  const log = await open(logFile, "a");
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", log.fd, log.fd] });
  const exitCode = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  ).finally(() => clearInterval(heartbeat));
  await log.close();
  const text = await readFile(join(folder, reportName), "utf8").catch(async (cause: unknown) => {
    throw new LabError("COMMAND_FAILED", `the tests broke; ${await tailOf(logFile)}`, { cause });
  });
  return readTally(text, exitCode);
}

function commandOf(
  lab: Lab,
  tools: E2eTools,
  { focus, skip, processes, folder }: TestRun,
): readonly [string, ...string[]] {
  return [
    tools.ginkgo,
    `--procs=${processes}`,
    `--focus=${focus}`,
    ...(skip === undefined ? [] : [`--skip=${skip}`]),
    `--output-dir=${folder}`,
    `--json-report=${reportName}`,
    "--timeout=30m",
    "--no-color",
    tools.tests,
    "--",
    "--provider=local",
    `--kubeconfig=${clusterOf(lab).kubeconfig}`,
    // Without it half of "Granular Checks: Services" is skipped in silence.
    `--num-nodes=${lab.nodes.length}`,
  ];
}
