import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rulesText } from "../../../../deploy/alerts/rules-file.ts";
import { ensurePackages } from "../../../lab/build/debian-packages.ts";
import { daemonGet } from "../../../lab/headcni/daemon-pages.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { tailOf } from "../../../lab/processes/log-tail.ts";
import { startProcess } from "../../../lab/processes/processes.ts";
import { waitUntil } from "../../../lab/wait-until.ts";

/** An alert as Prometheus' API tells it. */
interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

const port = 9099;
/** Rules are evaluated every second. */
const askMs = 250;

/** By how much shorter an alert's condition holds before it fires here; when each fires, promtool tests (test/deploy/alerts). */
const speed = 60;

/** What Prometheus is told, where it is not the rules and the daemon of one node. */
interface Told {
  readonly rules?: string;
  readonly scrape?: Readonly<Record<string, unknown>>;
  /** Another one than Debian's. */
  readonly program?: string;
}

/** Starts Debian's Prometheus in a node's namespace, where it scrapes the daemon's loopback page every second. The lab ends it. */
export async function startPrometheus(lab: Lab, node: LabNode, told: Told = {}): Promise<void> {
  await ensurePackages((line) => console.error(line), { prometheus: "prometheus", promtool: "prometheus" });
  const folder = join(lab.folder, "prometheus");
  await mkdir(folder, { recursive: true });
  const { host } = new URL(node.metricsUrl);
  const {
    program = "prometheus",
    rules = rulesText(speed),
    scrape = { static_configs: [{ targets: [host] }] },
  } = told;
  await writeFile(join(folder, "rules.yaml"), rules);
  await writeFile(
    join(folder, "prometheus.yaml"),
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [join(folder, "rules.yaml")],
      scrape_configs: [{ job_name: "headcni", ...scrape }],
    }),
  );
  await startProcess(lab.processFolder, {
    name: "prometheus",
    netns: node.netns,
    command: [
      program,
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    env: {},
    logFile: join(folder, "log"),
  });
  await startProcess(lab.processFolder, {
    name: "prometheus-api",
    netns: node.netns,
    command: [process.execPath, "-e", forwarder, apiSocket(node)],
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
      everyMs: askMs,
      explain: () => tailOf(join(folder, "log")),
    },
  );
}

/** Takes Prometheus' API to a unix socket, which reaches across network namespaces: a program in the node's for each question costs more. */
const forwarder = `
  const { connect, createServer } = require("node:net");
  createServer((near) => {
    const far = connect(${port}, "127.0.0.1");
    near.on("error", () => far.destroy()).pipe(far);
    far.on("error", () => near.destroy()).pipe(near);
  }).listen(process.argv[1]);`;

function apiSocket(node: LabNode): string {
  return join(node.folder, "prometheus.sock");
}

/** The `data` of an answer of Prometheus' API in the node's namespace. */
async function ask<Data>(node: LabNode, path: string): Promise<Data> {
  const { body } = await daemonGet({ ...node, httpSocket: apiSocket(node) }, `/api/v1/${path}`);
  return (JSON.parse(body) as { readonly data: Data }).data;
}

/** How Prometheus reads its targets: the page, what is told of it, and why not. */
export async function prometheusTargets(node: LabNode) {
  interface Target {
    readonly scrapeUrl: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly health: "up" | "down" | "unknown";
    readonly lastError: string;
  }
  return (await ask<{ readonly activeTargets: readonly Target[] }>(node, "targets?state=active"))
    .activeTargets;
}

/** What fires now. */
async function firingAlerts(node: LabNode): Promise<readonly FiringAlert[]> {
  const { alerts } = await ask<{ readonly alerts: readonly FiringAlert[] }>(node, "alerts");
  return alerts.filter(({ state }) => state === "firing");
}

/**
 * Waits until an alert fires, with this summary; gives it with its words. The summary matters for an alert on several states of a
 * machine: here it fires on the first of them.
 */
export async function untilRings(
  node: LabNode,
  alert: string,
  labels: Readonly<Record<string, string>> = {},
  { timeoutMs = 150_000, summary = /./ }: { readonly timeoutMs?: number; readonly summary?: RegExp } = {},
): Promise<FiringAlert> {
  const isWanted = (each: FiringAlert) =>
    isAlert(each, { alertname: alert, ...labels }) && summary.test(each.annotations["summary"] ?? "");
  return await waitUntil(async () => (await firingAlerts(node)).find(isWanted), {
    what: `${alert} fires`,
    timeoutMs,
    everyMs: askMs,
    explain: () => names(node),
  });
}

/** Waits until none of these alerts fires; with a machine, none of them on its states. */
export async function untilSilent(
  node: LabNode,
  alerts: readonly string[],
  { timeoutMs = 150_000, machine }: { readonly timeoutMs?: number; readonly machine?: string } = {},
): Promise<void> {
  const concerns = ({ labels }: FiringAlert) =>
    alerts.includes(labels["alertname"] ?? "") && (machine === undefined || labels["machine"] === machine);
  await waitUntil(async () => !(await firingAlerts(node)).some(concerns), {
    what: `${alerts.join(", ")} fall silent`,
    timeoutMs,
    everyMs: askMs,
    explain: () => names(node),
  });
}

/** Waits until Prometheus has seen the daemon for five seconds in which nothing fired. */
export async function untilQuiet(node: LabNode, timeoutMs = 150_000): Promise<void> {
  const seen = "count_over_time(up[5s]) >= 4 and min_over_time(up[5s]) == 1";
  const quiet = `(${seen}) unless on() count_over_time(ALERTS{alertstate="firing"}[5s])`;
  type Answer = { readonly result: readonly unknown[] };
  const isQuiet = async () =>
    (await ask<Answer>(node, `query?query=${encodeURIComponent(quiet)}`)).result.length > 0;
  await waitUntil(isQuiet, { what: "silence", timeoutMs, everyMs: askMs, explain: () => names(node) });
}

async function names(node: LabNode): Promise<string> {
  const alerts = await firingAlerts(node).catch(() => []);
  return `ringing: ${alerts.map(({ labels, annotations }) => JSON.stringify({ ...labels, summary: annotations["summary"] })).join(" ") || "nothing"}`;
}

function isAlert({ labels }: FiringAlert, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
