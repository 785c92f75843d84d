import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../../src/config/config-error.ts";
import { loadSourcedConfig } from "../../../src/config/load-config.ts";
import { type FuzzTargetSource, withoutValues, wordsOf } from "../fuzz-target.ts";

function declared(error: unknown): string | undefined {
  if (!(error instanceof ConfigError)) return undefined;
  if (error.detail.problems.length === 0) throw new Error("a configuration is refused without a reason");
  const [first] = error.detail.problems;
  return `${error.detail.problems.length} ${first?.path} ${first?.wanted}`;
}

/** The input is a configuration file, or `--set` and what follows it, a line each. Keys are not read: their files are anybody's. */
export const config: FuzzTargetSource = {
  words: [
    ...[
      "nodeName: n1\n",
      "network: {podCIDR: 10.244.0.0/16, nodePodCIDR: 10.244.1.0/24}\n",
      "headscale: {url: 'http://10.99.0.1:8080'}\n",
    ],
    ...[
      "tailscale: {tags: ['tag:node']}\n",
      "cni: {plugins: [{type: portmap}]}\n",
      "fd00::/48",
      "network.mtu=1280\n",
      "--set\n",
    ],
    ...[
      "&a ",
      "*a ",
      "<<: *a\n",
      "!!binary ",
      "!!set ",
      "!!omap ",
      "? ",
      "---\n",
      "%YAML 1.1\n",
      "{",
      "[",
      "|\n",
      ">-\n",
      "- ",
      ": ",
      "# ",
    ],
  ],
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), "headcni-fuzz-"));
    const file = join(folder, "config.yaml");
    return {
      run(input) {
        const [first, ...flags] = input.toString("utf8").split("\n");
        writeFileSync(file, input);
        const given = first === "--set" ? { flags } : { file, flags: [] };
        const load = () => loadSourcedConfig({ ...given, environment: {} }, { credentials: "unread" }).config;
        return withoutValues(wordsOf(load, declared));
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
};
