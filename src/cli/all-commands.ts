import type { CliCommand } from "./command.ts";
import { completionCommand } from "./completion/completion-command.ts";
import { configCommand } from "./config/config-command.ts";
import { connectTestCommand } from "./connect-test/connect-test-command.ts";
import { diagnosticsCommand } from "./diagnostics/diagnostics-command.ts";
import { doctorCommand } from "./doctor/doctor-command.ts";
import { inspectCommand } from "./inspect/inspect-command.ts";
import { installCommand } from "./install/install-command.ts";
import { logsCommand } from "./logs/logs-command.ts";
import { machinesCommand } from "./machines/machines-command.ts";
import { metricsCommand } from "./metrics/metrics-command.ts";
import { policyCommand } from "./policy/policy-command.ts";
import { policyTraceCommand } from "./policy-trace/policy-trace-command.ts";
import { replayCommand } from "./replay/replay-command.ts";
import { statusCommand } from "./status/status-command.ts";
import { traceCommand } from "./trace/trace-command.ts";
import { uninstallCommand } from "./uninstall/uninstall-command.ts";
import { versionCommand } from "./version-command.ts";

/** In the order of the help: what is asked most stands first. */
export const allCommands: readonly CliCommand[] = [
  statusCommand,
  doctorCommand,
  connectTestCommand,
  machinesCommand,
  traceCommand,
  policyTraceCommand,
  logsCommand,
  metricsCommand,
  diagnosticsCommand,
  inspectCommand,
  replayCommand,
  configCommand,
  policyCommand,
  installCommand,
  uninstallCommand,
  completionCommand(() => allCommands),
  versionCommand,
];
