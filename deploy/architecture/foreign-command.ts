import { join } from "node:path";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import type { CommandLine } from "../../test/lab/run-command.ts";
import type { Architecture } from "./architecture.ts";
import { provideToolchain } from "./toolchain.ts";

/** The command, where the kernel also starts programs of this architecture: itself on such a machine, else through foreign.sh. */
export async function foreignCommand(
  architecture: Architecture,
  command: CommandLine,
  progress: Progress,
): Promise<CommandLine> {
  const { emulator } = await provideToolchain(architecture, cacheFolder(), progress);
  if (emulator.length === 0) return command;
  return ["sh", join(import.meta.dirname, "foreign.sh"), ...emulator, ...command];
}
