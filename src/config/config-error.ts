import type { ConfigProblem } from "../domain/config-change.ts";
import { HeadcniError } from "../domain/failure.ts";

/** The configuration cannot be used. `detail.problems` lists everything that is wrong, in file order where it has one. */
export class ConfigError extends HeadcniError<{
  readonly code: "CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];
}> {
  constructor(problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(
      `configuration: ${count}\n${problems.map((problem) => `  ${explainProblem(problem)}`).join("\n")}`,
      {
        code: "CONFIG_INVALID",
        problems,
      },
    );
  }
}

/** One line: `network.mtu (config.yaml:7:8): found "many"; must be a whole number from 576 to 65455`. */
export function explainProblem({ path, source, found, wanted }: ConfigProblem): string {
  return `${path}${path === "" ? source : ` (${source})`}: found ${found}; ${wanted}`;
}

/** A value for people: JSON, at most 80 characters. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
