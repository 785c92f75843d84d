import * as z from "zod";
import { runProgram } from "../../../adapters/nftables/run-program.ts";
import { type FeatureTrial, kernelFeatures } from "../judge/facts.ts";

/** Where the command may write. */
export const trialFolder = "/run";

const answer = z.array(z.object({ feature: z.enum(kernelFeatures), refusal: z.string() }));

/**
 * Runs `command` in network and mount namespaces of its own, which end with it, and reads the trials it prints.
 * Throws FirewallProgramError with its stderr when it fails.
 */
export async function runKernelTrials(
  command: readonly string[],
  signal: AbortSignal,
): Promise<readonly FeatureTrial[]> {
  // A container's file systems may be read-only, so a fresh one goes over /run, for this process alone.
  const script = `mount -t tmpfs none ${trialFolder} && exec "$@"`;
  const args = ["--net", "--mount", "--propagation", "private", "--", "sh", "-c", script, "sh", ...command];
  const text = await runProgram({ program: "unshare", args }, signal);
  return answer.parse(JSON.parse(text));
}
