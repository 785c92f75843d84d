import { join } from "node:path";
import type { Progress } from "../progress.ts";
import { ensureGoModule } from "./go-tools.ts";

/** Builds a Prometheus that discovers pods, which Debian's does not, unless the cache has it. Returns its path. */
export async function ensurePrometheus(progress: Progress): Promise<string> {
  const folder = await ensureGoModule(
    { folder: "prometheus", what: "Prometheus 3.15.1", linkerFlags: "", script: "go-build-prometheus.sh" },
    progress,
  );
  return join(folder, "prometheus");
}
