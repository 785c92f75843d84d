import { join } from "node:path";
import { buildDaemon } from "../../deploy/build.ts";
import { browserNeeds } from "../e2e/support/chromium.ts";
import { ensurePackages, type Needs } from "../lab/build/debian-packages.ts";
import { ensurePrometheus } from "../lab/build/prometheus-tool.ts";
import { ensureTools } from "../lab/build/tools.ts";
import type { Progress } from "../lab/progress.ts";
import { root } from "./checks.ts";

/** What single tests need beyond the lab. They ask for it themselves; here it comes before they run side by side. */
const singleNeeds: Needs = {
  ...browserNeeds,
  prometheus: "prometheus",
  promtool: "prometheus",
  "systemd-analyze": "systemd",
  "/lib/systemd/systemd": "systemd",
};

/**
 * Installs and builds what the named tests need, so that none waits for it within its own time limit and no two ask apt-get
 * at once. No name: all tests. Tests outside `e2e` and `deploy` need the lab's tools at most; a cluster's take minutes more.
 * Returns what their environment is to say of what is built once for all labs of the run.
 */
export async function prepareTests(
  names: readonly string[],
  progress: Progress,
): Promise<Readonly<Record<string, string>>> {
  await ensureTools({ daemon: "bundle" }, progress);
  const wholeProduct = names.length === 0 || names.some((name) => /e2e|test\/deploy/.test(name));
  if (!wholeProduct) return {};
  await ensurePackages(progress, singleNeeds);
  await ensurePrometheus(progress);
  const bundle = join(root, "node_modules", ".cache", "lab-bundle");
  await buildDaemon(bundle);
  const kubernetes = { network: "chart", proxyMode: "nftables" } as const;
  const { cluster } = await ensureTools({ daemon: "bundle", kubernetes, kubeadm: true }, progress);
  const image = cluster?.install?.image.archive;
  return { LAB_BUNDLE: bundle, ...(image === undefined ? {} : { LAB_IMAGE: image }) };
}
