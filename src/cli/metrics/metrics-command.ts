import { CliError } from "../cli-error.ts";
import type { CliCommand } from "../command.ts";
import { documentCommand } from "../output/document-command.ts";
import { metricsText } from "./metrics-text.ts";
import { type MetricFamily, parseMetrics } from "./parse-metrics.ts";

export const metricsCommand: CliCommand = documentCommand({
  kind: "Metrics",
  name: "metrics",
  summary: "print the daemon's metrics",
  arguments: [{ flags: "[pattern]", summary: "only metrics whose name contains this" }],
  options: [{ flags: "--raw", summary: "in the text format of Prometheus" }],
  collect: async ({ context, words }) => {
    const { body } = await context.daemon.get("/metrics");
    const pattern = words[0] ?? "";
    const metrics = parseMetrics(body).filter(({ name }) => name.includes(pattern));
    if (metrics.length === 0)
      throw new CliError("NOT_FOUND", `no metric's name contains "${pattern}"; headcnictl metrics lists all`);
    return { metrics };
  },
  render: ({ metrics }, context, options) =>
    options["raw"] === true ? metrics.map(rawFamily).join("\n") : metricsText(metrics, context),
});

function rawFamily({ name, help, type, samples }: MetricFamily): string {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map((sample) => {
      const labels = Object.entries(sample.labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      return `${sample.name}${labels.length === 0 ? "" : `{${labels.join(",")}}`} ${sample.value}`;
    }),
  ].join("\n");
}
