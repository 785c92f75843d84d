import { availableParallelism, release } from "node:os";
import type { PluginSummary } from "../calls/plugin-summary.ts";
import { bars, limitInWords, type Metrics, missedBars, reaches } from "./bars.ts";
import { table } from "./table.ts";

/** Everything a run of the benchmark found. `raw` is for programs, `failures` names the parts that broke and why. */
export type Findings = {
  readonly metrics: Metrics;
  readonly plugins: readonly PluginSummary[];
  readonly raw: Readonly<Record<string, unknown>>;
  readonly hints: readonly string[];
  readonly failures: Readonly<Record<string, string>>;
};

/** 1 if a bar is missed or a part could not be measured. */
export function exitCodeOf({ metrics, failures }: Findings): number {
  return missedBars(metrics).length + Object.keys(failures).length === 0 ? 0 : 1;
}

/** The findings as one flat object: the median of each metric by its key, then spreads, bars and raw numbers. */
export function asJson({ metrics, plugins, raw, hints, failures }: Findings): Record<string, unknown> {
  const medians = Object.entries(metrics).map(([key, { median }]) => [key, median]);
  return {
    ...Object.fromEntries(medians),
    spread: metrics,
    bars: bars.flatMap((bar) => {
      const metric = metrics[bar.key];
      if (metric === undefined) return [];
      return [{ key: bar.key, ...bar.limit, value: metric[bar.judged], reached: reaches(bar, metric) }];
    }),
    raw: { plugins, ...raw },
    hints,
    failures,
    machine: { cpus: availableParallelism(), kernel: release(), node: process.version },
  };
}

/** The findings for people, lines under 100 columns. */
export function asText(findings: Findings): string {
  const { plugins, hints, failures } = findings;
  const missed = missedBars(findings.metrics);
  return [
    ...(plugins.length === 0 ? [] : [pluginTable(plugins), ""]),
    barTable(findings.metrics),
    ...(hints.length === 0 ? [] : ["", ...hints]),
    ...(missed.length === 0 ? [] : ["", ...missed]),
    ...Object.entries(failures).map(([part, reason]) => `\nNOT MEASURED: ${part}: ${reason}`),
    "",
  ].join("\n");
}

function pluginTable(plugins: readonly PluginSummary[]): string {
  const header = ["", "candidate", "p50 ms", "p99 ms", "per second", "plugin's CPU ms", "links gone ms"];
  const rows = [...plugins]
    .sort((a, b) => a.command.localeCompare(b.command) || b.load.localeCompare(a.load))
    .map((row) => [
      `${row.command} ${row.load === "sequential" ? "one by one" : "ten at once"}`,
      row.candidate,
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.perSecond.toFixed(0),
      row.cpuP50Ms.toFixed(2),
      row.settleMs?.toFixed(0) ?? "",
    ]);
  return table([header, ...rows]);
}

function barTable(metrics: Metrics): string {
  const rows = bars.flatMap((bar) => {
    const metric = metrics[bar.key];
    if (metric === undefined) return [];
    const { median, low, high } = metric;
    const [value, from, to] = [median, low, high].map((number) => number.toFixed(bar.digits));
    const verdict = reaches(bar, metric) ? "reached" : "NOT reached";
    return [[bar.what, value ?? "", `${from} .. ${to}`, limitInWords(bar), verdict]];
  });
  return table([["", "median", "spread", "bar", ""], ...rows]);
}
