import { ensureTools } from "../lab/build/tools.ts";
import type { Progress } from "../lab/progress.ts";

/**
 * Installs and builds what the named tests need, so that none waits for it within its own time limit. No name: all tests.
 * Tests outside `e2e` need the lab's tools at most; a cluster's take minutes more.
 */
export async function prepareTests(names: readonly string[], progress: Progress): Promise<void> {
  await ensureTools("bundle", progress);
  const wholeProduct = names.length === 0 || names.some((name) => /e2e|test\/deploy/.test(name));
  if (!wholeProduct) return;
  await ensureTools("bundle", progress, { network: "chart", proxyMode: "nftables" });
}
