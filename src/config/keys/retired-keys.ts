import type { ConfigProblem } from "../../domain/config-change.ts";

/** Keys and variables of earlier releases, and what became of each. */
const retiredKeys: ReadonlyMap<string, string> = new Map(
  ["tailscale.launcher", "HEADCNI_TAILSCALE_LAUNCHER"].map((name) => [
    name,
    "it may be removed: headcni-wire always runs tailscaled",
  ]),
);

/** Splits off what was right in an earlier release: it is ignored, and said. */
export function splitRetired(problems: readonly ConfigProblem[]): {
  readonly problems: readonly ConfigProblem[];
  readonly retired: readonly ConfigProblem[];
} {
  const retired = problems.flatMap((problem) => {
    const wanted = retiredKeys.get(problem.path);
    return wanted === undefined ? [] : [{ ...problem, found: "a key of an earlier release", wanted }];
  });
  return { problems: problems.filter(({ path }) => !retiredKeys.has(path)), retired };
}
