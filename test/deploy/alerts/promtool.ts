import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { runResult } from "../../lab/run-command.ts";

/** One alert under test: what the daemon's metrics say, when nothing may fire yet, and when it must. */
export interface AlertCase {
  readonly alert: string;
  /** Series without `instance` and `job`, with their values every 15 s in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  /** Seconds after the start. */
  readonly quietAt: number;
  readonly ringsAt: number;
  /** Labels of the alert besides `instance` and `job`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Only this rule: seconds at which it is silent again, for the cases in which `series` say that all is well again. */
  readonly quietAgainAt?: number;
}

/** Runs the cases through `promtool test rules`; gives what it printed, empty when all went as said. */
export async function promtoolFindings(rulesText: string, cases: readonly AlertCase[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-rules-"));
  try {
    const tests = [...Map.groupBy(cases, ({ alert }) => alert)].map(async ([alert, ofAlert]) => {
      await writeFile(join(folder, `${alert}.rules.yaml`), stringify(rulesOf(rulesText, alert)));
      const file = join(folder, `${alert}.yaml`);
      const rule_files = [`${alert}.rules.yaml`];
      await writeFile(
        file,
        stringify({ rule_files, evaluation_interval: "15s", tests: ofAlert.map(promtoolTest) }),
      );
      return file;
    });
    const { exitCode, stdout, stderr } = await runResult(
      ["promtool", "test", "rules", ...(await Promise.all(tests))],
      { timeoutMs: 500_000 },
    );
    return exitCode === 0 ? "" : `${stdout}\n${stderr}`.trim() || `promtool ended with ${exitCode}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An alert's own rules: to evaluate all of them for each case takes ten times as long. */
function rulesOf(rulesText: string, alert: string): object {
  type Groups = { readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[] };
  const { groups } = parse(rulesText) as Groups;
  return {
    groups: groups
      .map((group) => ({ ...group, rules: group.rules.filter((rule) => rule.alert === alert) }))
      .filter(({ rules }) => rules.length > 0),
  };
}

/** Samples are compared, not alerts with all their words: what an alert says is another test's. */
function promtoolTest({ alert, series, quietAt, ringsAt, labels, quietAgainAt }: AlertCase): object {
  const target = { instance: "n1", job: "headcni" };
  const kept = Object.keys({ ...target, ...labels });
  const expr = `count by (${kept.join(", ")}) (ALERTS{alertname="${alert}",alertstate="firing"})`;
  const at = (seconds: number, rings: boolean) => ({
    expr,
    eval_time: `${seconds}s`,
    exp_samples: rings ? [{ labels: labelText({ ...target, ...labels }), value: 1 }] : [],
  });
  return {
    name: `${alert} ${Object.values(labels).join(" ")}`,
    interval: "15s",
    input_series: Object.entries(series).map(([name, values]) => ({
      series: withTarget(name, target),
      values,
    })),
    promql_expr_test: [
      at(quietAt, false),
      at(ringsAt, true),
      ...(quietAgainAt === undefined ? [] : [at(quietAgainAt, false)]),
    ],
  };
}

function withTarget(series: string, target: Readonly<Record<string, string>>): string {
  const [name = "", inner = ""] = series.split(/[{}]/);
  return `${name}{${[inner, ...Object.entries(target).map(([key, value]) => `${key}="${value}"`)].filter((part) => part !== "").join(",")}}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(",")}}`;
}
