import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { clusterOf } from "../lab/kubernetes/cluster.ts";
import { importImages } from "../lab/kubernetes/containerd.ts";
import { LabError } from "../lab/lab-error.ts";
import type { Lab } from "../lab/lab-types.ts";
import { tailOf } from "../lab/log-tail.ts";
import { inNetns } from "../lab/netns.ts";
import type { Progress } from "../lab/progress.ts";
import type { E2eTools } from "./e2e-tools.ts";
import { readTally, type Tally } from "./tally.ts";

/** Which tests, how many at once, and where the log and the report go. */
export type TestRun = { readonly focus: string; readonly processes: number; readonly folder: string };

/**
 * Runs those of Kubernetes' tests that `focus` (a regular expression) names against a lab's cluster. Throws LabError
 * COMMAND_FAILED if they broke before a report.
 */
export async function runTests(
  lab: Lab,
  tools: E2eTools,
  testRun: TestRun,
  progress: Progress,
): Promise<Tally> {
  await mkdir(testRun.folder, { recursive: true });
  await Promise.all(lab.nodes.map((node) => importImages(lab, node, tools.images)));
  const logFile = join(testRun.folder, "ginkgo.log");
  const report = "report.json";
  const start = performance.now();
  const heartbeat = setInterval(() => {
    progress(`  tests run for ${Math.round((performance.now() - start) / 1000)} s`);
  }, 30_000);
  const log = await open(logFile, "a");
  const [program, ...args] = inNetns(lab.netns, commandOf(lab, tools, testRun, report));
  const child = spawn(program, args, { cwd: testRun.folder, stdio: ["ignore", log.fd, log.fd] });
  await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve)).finally(() =>
    clearInterval(heartbeat),
  );
  await log.close();
  const text = await readFile(join(testRun.folder, report), "utf8").catch(async (cause: unknown) => {
    throw new LabError("COMMAND_FAILED", `the tests broke; ${await tailOf(logFile)}`, { cause });
  });
  return readTally(text);
}

function commandOf(
  lab: Lab,
  tools: E2eTools,
  { focus, processes, folder }: TestRun,
  report: string,
): readonly [string, ...string[]] {
  return [
    tools.ginkgo,
    `--procs=${processes}`,
    `--focus=${focus}`,
    `--output-dir=${folder}`,
    `--json-report=${report}`,
    "--timeout=30m",
    // Four at once on a busy machine: what passes the second time is named, not counted as failed.
    "--flake-attempts=2",
    "--no-color",
    tools.tests,
    "--",
    "--provider=local",
    `--kubeconfig=${clusterOf(lab).kubeconfig}`,
    // Without it half of "Granular Checks: Services" is skipped in silence.
    `--num-nodes=${lab.nodes.length}`,
  ];
}
