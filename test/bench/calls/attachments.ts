import { createHash } from "node:crypto";
import * as z from "zod";
import { inNetns } from "../../lab/network/netns.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { BenchError } from "../bench-error.ts";
import type { Candidate } from "./candidate.ts";
import { type DriverResult, drive, type Job } from "./driver.ts";
import type { Sandbox } from "./sandboxes.ts";

/** CNI 1.1.0, "ADD success": what every candidate must answer. */
const resultSchema = z.looseObject({
  interfaces: z.array(z.looseObject({ name: z.string(), sandbox: z.string().optional() })),
  ips: z.array(z.looseObject({ address: z.string(), interface: z.number().optional() })).min(1),
});

/** A pod that ADD attached: what DEL needs, and its address without the prefix length. */
export type Attachment = Job & { readonly prevResult: unknown; readonly address: string };

/** The jobs of one batch of ADDs. Container ids are unique and of the length that runtimes use. */
export function jobsFor(sandboxes: readonly Sandbox[], label: string): readonly Job[] {
  return sandboxes.map((sandbox, index) => ({
    containerId: createHash("sha256").update(`${process.pid} ${label} ${index}`).digest("hex"),
    sandbox,
  }));
}

/** ADDs every job, and proves that each result is whole and no address was given twice. */
export async function attach(
  candidate: Candidate,
  jobs: readonly Job[],
  atOnce: number,
): Promise<{ readonly timing: DriverResult; readonly attachments: readonly Attachment[] }> {
  const timing = await drive(candidate, "ADD", jobs, atOnce);
  const attachments = jobs.map((job, index): Attachment => {
    const prevResult = resultOf(candidate, timing, index);
    const address = addressOf(candidate, job, prevResult);
    return { ...job, prevResult, address };
  });
  const distinct = new Set(attachments.map(({ address }) => address));
  if (distinct.size !== attachments.length) {
    throw new BenchError(
      "WRONG_RESULT",
      `${candidate.name} gave ${attachments.length - distinct.size} addresses twice`,
    );
  }
  return { timing, attachments };
}

/** DELs every attachment and proves that each succeeded. The links may still be on their way out. */
export async function detach(
  candidate: Candidate,
  attachments: readonly Attachment[],
  atOnce: number,
): Promise<DriverResult> {
  const timing = await drive(candidate, "DEL", attachments, atOnce);
  for (const run of timing.runs) {
    if (run.exitCode !== 0) throw pluginFailed(candidate, "DEL", run.stdout);
  }
  return timing;
}

/** Sends one ping from the first attachment to the last and one from the node to the first: the network is there, not only its result. */
export async function proveReachable(
  candidate: Candidate,
  attachments: readonly Attachment[],
): Promise<void> {
  const [first, last] = [attachments[0], attachments.at(-1)];
  if (first === undefined || last === undefined) return;
  const ways = [
    { netns: first.sandbox.name, address: last.address },
    { netns: candidate.netns, address: first.address },
  ];
  for (const { netns, address } of ways) {
    const { exitCode, stdout, stderr } = await runResult(
      inNetns(netns, ["ping", "-n", "-c", "1", "-W", "2", address]),
    );
    if (exitCode === 0) continue;
    throw new BenchError(
      "WRONG_RESULT",
      `${candidate.name}: no ping from ${netns} to ${address}: ${stdout}${stderr}`,
    );
  }
}

/** How many veth links the candidate's node has. */
export async function countVeths(candidate: Candidate): Promise<number> {
  const lines = await run(["ip", "-n", candidate.netns, "-o", "link", "show", "type", "veth"]);
  return lines.split("\n").filter((line) => line !== "").length;
}

/** Waits until the node has `veths` veth links again: what DEL put off is done, and the next candidate has the machine for itself. */
export async function settled(candidate: Candidate, veths: number): Promise<void> {
  await waitUntil(async () => (await countVeths(candidate)) === veths, {
    what: `${candidate.name} has removed its links`,
    timeoutMs: 30_000,
    everyMs: 20,
  });
}

function resultOf(candidate: Candidate, timing: DriverResult, index: number): z.infer<typeof resultSchema> {
  const run = timing.runs[index];
  if (run === undefined || run.exitCode !== 0) throw pluginFailed(candidate, "ADD", run?.stdout ?? "not run");
  try {
    return resultSchema.parse(JSON.parse(run.stdout));
  } catch (cause) {
    throw new BenchError("WRONG_RESULT", `${candidate.name} answered ADD with ${run.stdout}`, { cause });
  }
}

function addressOf(candidate: Candidate, job: Job, result: z.infer<typeof resultSchema>): string {
  const [ip] = result.ips;
  const owner = result.interfaces[ip?.interface ?? -1];
  if (ip === undefined || owner?.name !== "eth0" || owner.sandbox !== job.sandbox.path) {
    throw new BenchError(
      "WRONG_RESULT",
      `${candidate.name}: the address is not eth0's: ${JSON.stringify(result)}`,
    );
  }
  return ip.address.split("/")[0] ?? ip.address;
}

function pluginFailed(candidate: Candidate, command: string, stdout: string): BenchError {
  return new BenchError("PLUGIN_FAILED", `${candidate.name} failed an ${command}: ${stdout}`);
}
