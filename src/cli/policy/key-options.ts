import { explainProblem } from "../../config/config-error.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import type { CliCall, CliWord } from "../command.ts";
import { textOf } from "../options/option-values.ts";

/** The options that stand for keys of the configuration. */
const keyOptions = {
  "--pod-cidr": { name: "podCidr", key: "network.podCIDR" },
  "--mode": { name: "mode", key: "tailscale.mode" },
  "--tags": { name: "tags", key: "tailscale.tags" },
} as const;

export const keyWords: readonly CliWord[] = [
  { flags: "--pod-cidr <prefixes>", summary: "instead of network.podCIDR of the configuration" },
  {
    flags: "--mode <mode>",
    summary: "instead of tailscale.mode of the configuration",
    choices: ["daemon", "host"],
  },
  { flags: "--tags <tags>", summary: "instead of tailscale.tags of the configuration (tag:a,tag:b)" },
];

/** What they say, as `--set` of the daemon would have it. */
export function keyFlags(options: CliCall["options"]): readonly string[] {
  return Object.values(keyOptions).flatMap(({ name, key }) => {
    const value = textOf(options[name]);
    return value === undefined ? [] : [`${key}=${value}`];
  });
}

/** A problem of a key, by the option that gave it. */
export function explainGiven(problem: ConfigProblem): string {
  const option = Object.entries(keyOptions).find(([, { key }]) => problem.source === `--set ${key}`);
  return explainProblem({ ...problem, ...(option && { source: option[0] }) });
}
