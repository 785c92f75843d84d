import * as z from "zod";
import { type FeatureTrial, kernelFeatures } from "../../domain/doctor/facts.ts";
import { runProgram } from "../nftables/run-program.ts";

const answer = z.array(z.object({ feature: z.enum(kernelFeatures), refusal: z.string() }));

/**
 * Runs `command` in network and mount namespaces of its own, which end with it, and reads the trials it prints.
 * Throws FirewallProgramError with its stderr when it fails.
 */
export async function runKernelTrials(
  command: readonly string[],
  signal: AbortSignal,
): Promise<readonly FeatureTrial[]> {
  const args = ["--net", "--mount", "--propagation", "private", "--", ...command];
  const text = await runProgram({ program: "unshare", args }, signal);
  return answer.parse(JSON.parse(text));
}
