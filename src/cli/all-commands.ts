import type { CliCommand } from "./command.ts";
import { machinesCommand } from "./machines/machines-command.ts";
import { metricsCommand } from "./metrics/metrics-command.ts";
import { versionCommand } from "./version-command.ts";

/** In the order of the help: what is asked most stands first. */
export const allCommands: readonly CliCommand[] = [machinesCommand, metricsCommand, versionCommand];
