import { readinessSchema } from "../../observe/pages/status-page.ts";
import type { DaemonClient } from "../daemon-client.ts";
import type { DaemonFacts } from "./judge/facts.ts";

/** The daemon's /ready page. Throws CliError DAEMON_UNREACHABLE. */
export async function askReadiness(daemon: DaemonClient): Promise<DaemonFacts> {
  const { serving, state, reasons } = await daemon.page("/ready", readinessSchema);
  return { serving, state, reason: reasons.join("; ") };
}
