import { browserNeeds } from "../e2e/support/chromium.ts";
import { ensurePackages, type Needs } from "../lab/build/debian-packages.ts";
import { ensureTools } from "../lab/build/tools.ts";
import type { Progress } from "../lab/progress.ts";

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
 */
export async function prepareTests(names: readonly string[], progress: Progress): Promise<void> {
  await ensureTools("bundle", progress);
  const wholeProduct = names.length === 0 || names.some((name) => /e2e|test\/deploy/.test(name));
  if (!wholeProduct) return;
  await ensurePackages(progress, singleNeeds);
  await ensureTools("bundle", progress, { network: "chart", proxyMode: "nftables" });
}
