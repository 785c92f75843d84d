import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTools } from "../../lab/build/tools.ts";
import { layOut } from "../../lab/layout.ts";
import { silent } from "../../lab/progress.ts";
import { runResult } from "../../lab/run-command.ts";
import { writeDerpMap } from "../../lab/tailnet/derp.ts";
import { headscaleConfig } from "../../lab/tailnet/headscale.ts";

/** Headscale's own `policy check`, with its `tests` block tried, on a database of nobody: no server runs. */
export interface HeadscaleCheck {
  /** What it has against the policy; "" where it takes it. */
  readonly refusal: (policy: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

export async function openHeadscaleCheck(): Promise<HeadscaleCheck> {
  const tools = await ensureTools({ daemon: "none" }, silent);
  const folder = await mkdtemp(join(tmpdir(), "headcni-policy-"));
  const lab = layOut(
    "policy",
    {
      ...{ nodes: 0, approval: "policy", tuning: "fast", daemon: "none", families: [4], config: {} },
      ...{ hostTailscaled: [], behindNat: [], relayOnly: [], cacheNetworkMaps: false },
    },
    tools,
    undefined,
  );
  const own = {
    ...lab,
    headscale: { ...lab.headscale, folder },
    derp: { ...lab.derp, mapFile: join(folder, "derp.yaml") },
  };
  await writeDerpMap(own);
  const configFile = join(folder, "config.yaml");
  await writeFile(configFile, JSON.stringify(headscaleConfig(own)));
  return {
    refusal: async (policy) => {
      const file = join(folder, "policy.hujson");
      await writeFile(file, policy);
      const { exitCode, stderr } = await runResult([
        tools.headscale,
        ...["-c", configFile, "policy", "check", "--file", file],
        ...["--bypass-grpc-and-access-database-directly", "--force"],
      ]);
      if (exitCode === 0) return "";
      return stderr.slice(stderr.lastIndexOf("Error: "));
    },
    close: () => rm(folder, { recursive: true }),
  };
}
