import { runProgram } from "./run-program.ts";

/**
 * Gives nft a document of libnftables-json(5), one transaction, in the namespace at `netns`, or the caller's own. Throws
 * FirewallProgramError PROGRAM_MISSING, REFUSED or CANCELLED.
 */
export async function loadDocument(
  document: unknown,
  netns: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  // Not as an argument: one of more than 128 KiB is refused (MAX_ARG_STRLEN), and how many Nodes there are is up to the cluster.
  const call = {
    program: "nft",
    args: ["-j", "-f", "-"],
    input: JSON.stringify(document),
    piped: true,
  } as const;
  await runProgram({ ...call, netns }, signal);
}
