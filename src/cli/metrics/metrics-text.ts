import type { Paper } from "../output/style.ts";
import { formatTable, wrapText } from "../output/table.ts";
import type { MetricFamily, MetricSample } from "./parse-metrics.ts";

/** Each metric with what it means and its samples; a histogram as count, mean and the buckets that hold half and 99 %. */
export function metricsText(families: readonly MetricFamily[], { style, width }: Paper): string {
  return families
    .map((family) => {
      const head = [
        style.bold(family.name),
        ...wrapText(family.help, width - 2).map((line) => `  ${style.dim(line)}`),
      ];
      const rows = family.type === "histogram" ? histogramRows(family.samples) : plainRows(family.samples);
      if (rows.length === 0) return [...head, "  no samples"].join("\n");
      const table = formatTable({ headings: ["", ""], rows }, { style, width: width - 2 });
      return [
        ...head,
        ...table
          .split("\n")
          .slice(1)
          .map((line) => `  ${line}`),
      ].join("\n");
    })
    .join("\n\n");
}

function plainRows(samples: readonly MetricSample[]): readonly (readonly string[])[] {
  return samples.map(({ labels, value }) => [formatNumber(value), labelText(labels)]);
}

function histogramRows(samples: readonly MetricSample[]): readonly (readonly string[])[] {
  const series = Map.groupBy(samples, ({ labels: { le: _, ...others } }) => labelText(others));
  return [...series].map(([labels, of]) => {
    const sum = of.find(({ name }) => name.endsWith("_sum"))?.value ?? 0;
    const count = of.find(({ name }) => name.endsWith("_count"))?.value ?? 0;
    if (count === 0) return ["0 observed", labels];
    const quantile = (share: number) =>
      of.find(({ name, value }) => name.endsWith("_bucket") && value >= count * share)?.labels["le"] ??
      "+Inf";
    const mean = formatNumber(sum / count);
    return [`${count} observed, mean ${mean}, half <= ${quantile(0.5)}, 99 % <= ${quantile(0.99)}`, labels];
  });
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
