import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { compileC } from "../../lab/build/compile-c.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { BenchError } from "../bench-error.ts";
import type { Candidate } from "./candidate.ts";
import type { Sandbox } from "./sandboxes.ts";

/** One attachment to make or to undo. `prevResult` is what ADD answered; runtimes hand it to DEL (CNI 1.1.0, section 4). */
export type Job = {
  readonly containerId: string;
  readonly sandbox: Sandbox;
  /** CNI_ARGS; without them those of a pod that nobody knows. */
  readonly args?: string;
  readonly prevResult?: unknown;
};

const runSchema = z.object({
  containerId: z.string(),
  elapsedNs: z.number(),
  cpuUs: z.number(),
  maxRssKb: z.number(),
  exitCode: z.number(),
  stdout: z.string(),
});
const wholeSchema = z.object({ wallNs: z.number() });

/** One exec of a plugin as the C driver measured it, from spawn to exit. */
export type PluginRun = z.infer<typeof runSchema>;

/** All execs of one call of the driver, in the order of the jobs, and the time from the first spawn to the last exit. */
export type DriverResult = { readonly runs: readonly PluginRun[]; readonly wallNs: number };

/** Has the C driver (driver.c) run a candidate's plugin in its node's namespace, `atOnce` at a time. */
export async function drive(
  candidate: Candidate,
  command: "ADD" | "DEL",
  jobs: readonly Job[],
  atOnce: number,
): Promise<DriverResult> {
  const driver = await compileC(join(import.meta.dirname, "driver.c"), ["-lpthread"]);
  const folder = await mkdtemp(join(tmpdir(), "headcni-bench-"));
  try {
    const lines = await Promise.all(
      jobs.map(async (job, index) => {
        const file = join(folder, String(index));
        const { config } = candidate;
        await writeFile(
          file,
          JSON.stringify(job.prevResult === undefined ? config : { ...config, prevResult: job.prevResult }),
        );
        const args = job.args === undefined ? "" : `\t${job.args}`;
        return `${job.containerId}\t${job.sandbox.path}\t${file}${args}\n`;
      }),
    );
    const arguments_ = [candidate.plugin, command, "eth0", candidate.cniPath, String(atOnce)];
    const stdout = await run(inNetns(candidate.netns, [driver, ...arguments_]), { input: lines.join("") });
    return parse(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parse(stdout: string): DriverResult {
  const lines = stdout.trimEnd().split("\n");
  const last = lines.pop();
  try {
    const runs = lines.map((line) => runSchema.parse(JSON.parse(line)));
    return { runs, ...wholeSchema.parse(JSON.parse(last ?? "")) };
  } catch (cause) {
    throw new BenchError("UNREADABLE_OUTPUT", `the driver printed something else: ${stdout.slice(0, 400)}`, {
      cause,
    });
  }
}
