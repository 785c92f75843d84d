import { join } from "node:path";
import type { Progress } from "../progress.ts";
import { ensureGoModule } from "./go-tools.ts";

const helmVersion = "3.22.0";

/** Builds helm unless the cache has it, and returns its path. */
export async function ensureHelm(progress: Progress): Promise<string> {
  const folder = await ensureGoModule(
    {
      folder: "helm",
      what: `helm ${helmVersion}`,
      // Without the stamps it calls itself v3.22, and the cluster that it renders for without one 1.20.
      linkerFlags: [
        `-X helm.sh/helm/v3/internal/version.version=v${helmVersion}`,
        "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1",
        "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36",
        "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1",
        "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
      ].join(" "),
    },
    progress,
  );
  return join(folder, "helm");
}
