import * as z from "zod";
import type { DaemonFacts } from "../../domain/doctor/facts.ts";
import type { DaemonClient } from "../daemon-client.ts";

const readyPage = z.looseObject({
  serving: z.boolean(),
  state: z.string(),
  reasons: z.array(z.string()).default([]),
});

/** The daemon's /ready page. Throws CliError DAEMON_UNREACHABLE. */
export async function askReadiness(daemon: DaemonClient): Promise<DaemonFacts> {
  const { serving, state, reasons } = await daemon.page("/ready", readyPage);
  return { serving, state, reason: reasons.join("; ") };
}
