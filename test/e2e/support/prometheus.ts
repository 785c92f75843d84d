import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rulesText } from "../../../deploy/alerts/rules-file.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/netns.ts";
import { startProcess } from "../../lab/processes.ts";
import { run } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** An alert as Prometheus' API tells it. */
interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

const port = 9099;

/**
 * Starts Debian's Prometheus in a node's namespace, where it scrapes the daemon's loopback page every second, with the rules
 * `speed` times as fast. The lab ends it.
 */
export async function startPrometheus(lab: Lab, node: LabNode, speed: number): Promise<void> {
  await ensurePackages((line) => console.error(line), { prometheus: "prometheus", promtool: "prometheus" });
  const folder = join(lab.folder, "prometheus");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "rules.yaml"), rulesText(speed));
  const { host } = new URL(node.metricsUrl);
  await writeFile(
    join(folder, "prometheus.yaml"),
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [join(folder, "rules.yaml")],
      scrape_configs: [{ job_name: "headcni", static_configs: [{ targets: [host] }] }],
    }),
  );
  await startProcess(lab.processFolder, {
    name: "prometheus",
    netns: node.netns,
    command: [
      "prometheus",
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    env: {},
    logFile: join(folder, "log"),
  });
  await waitUntil(
    () =>
      firingAlerts(node).then(
        () => true,
        () => false,
      ),
    {
      what: "Prometheus answers",
      timeoutMs: 60_000,
      everyMs: 500,
    },
  );
}

/** What fires now, by Prometheus in the node's namespace. */
async function firingAlerts(node: LabNode): Promise<readonly FiringAlert[]> {
  const script = `fetch("http://127.0.0.1:${port}/api/v1/alerts").then((answer) => answer.text()).then(console.log)`;
  const text = await run(inNetns(node.netns, [process.execPath, "-e", script]), { timeoutMs: 20_000 });
  const { data } = JSON.parse(text) as { readonly data: { readonly alerts: readonly FiringAlert[] } };
  return data.alerts.filter(({ state }) => state === "firing");
}

/** Waits until an alert fires; gives it with its words. */
export async function untilRings(
  node: LabNode,
  alert: string,
  labels: Readonly<Record<string, string>> = {},
  timeoutMs = 150_000,
): Promise<FiringAlert> {
  return await waitUntil(
    async () => (await firingAlerts(node)).find((each) => isAlert(each, { alertname: alert, ...labels })),
    { what: `${alert} fires`, timeoutMs, everyMs: 500, explain: () => names(node) },
  );
}

/** Waits until none of these alerts fires. */
export async function untilSilent(
  node: LabNode,
  alerts: readonly string[],
  timeoutMs = 150_000,
): Promise<void> {
  await waitUntil(
    async () => !(await firingAlerts(node)).some(({ labels }) => alerts.includes(labels["alertname"] ?? "")),
    { what: `${alerts.join(", ")} fall silent`, timeoutMs, everyMs: 500, explain: () => names(node) },
  );
}

/** Waits until nothing fires. */
export async function untilQuiet(node: LabNode, timeoutMs = 150_000): Promise<void> {
  await waitUntil(async () => (await firingAlerts(node)).length === 0, {
    what: "silence",
    timeoutMs,
    everyMs: 500,
    explain: () => names(node),
  });
}

async function names(node: LabNode): Promise<string> {
  const alerts = await firingAlerts(node).catch(() => []);
  return `ringing: ${alerts.map(({ labels }) => JSON.stringify(labels)).join(" ") || "nothing"}`;
}

function isAlert({ labels }: FiringAlert, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
