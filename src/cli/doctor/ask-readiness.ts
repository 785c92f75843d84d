import type { DaemonFacts } from "../../domain/doctor/facts.ts";
import { readinessSchema } from "../../observe/status-page.ts";
import type { DaemonClient } from "../daemon-client.ts";

/** The daemon's /ready page. Throws CliError DAEMON_UNREACHABLE. */
export async function askReadiness(daemon: DaemonClient): Promise<DaemonFacts> {
  const { serving, state, reasons } = await daemon.page("/ready", readinessSchema);
  return { serving, state, reason: reasons.join("; ") };
}
