import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { dashboardText } from "../../deploy/dashboards/dashboard.ts";
import { examineConfig } from "../../src/config/load-config.ts";
import { ensurePackages } from "../lab/build/debian-packages.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";
import { type PodMonitor, scrapeConfigOf } from "../support/pod-monitor.ts";
import { temporaryFile } from "./temporary-file.ts";

const chart = join(import.meta.dirname, "..", "..", "deploy", "chart", "headcni");
const given = [
  "--set=headscale.url=https://h.example",
  "--set=network.podCIDR=10.244.0.0/16",
  "--set=headscale.existingSecret=headcni-credentials",
];
let helm: string;

interface Found {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}

beforeAll(async () => {
  helm = await ensureHelm(stderrProgress());
  await ensurePackages((line) => console.error(line), { promtool: "prometheus" });
}, 900_000);

async function rendered(...words: readonly string[]): Promise<readonly Found[]> {
  const result = await runResult([helm, "template", "headcni", chart, ...given, ...words]);
  expect(result.exitCode, result.stderr).toBe(0);
  return parseAllDocuments(result.stdout)
    .map((document) => document.toJS() as Found | null)
    .filter((object) => object !== null);
}

const refusal = async (...words: readonly string[]) => {
  const { exitCode, stderr } = await runResult([helm, "template", "headcni", chart, ...given, ...words]);
  expect(exitCode).not.toBe(0);
  return stderr;
};

const objects = {
  podMonitor: "PodMonitor headcni",
  prometheusRule: "PrometheusRule headcni",
  dashboard: "ConfigMap headcni-dashboard",
} as const;
const switches = ["podNetwork", "podMonitor", "prometheusRule", "dashboard"] as const;
const flag = (name: (typeof switches)[number]) => (name === "podNetwork" ? name : `${name}.enabled`);
/** Every set of them, as the bits of a number say. */
const sets = Array.from({ length: 2 ** switches.length }, (_, bits) =>
  switches.filter((_name, index) => (bits >> index) % 2 === 1),
);

describe("with the switches for monitoring", () => {
  test.each(["daemon", "host"])(
    "each brings its object and no other, in mode %s",
    async (mode) => {
      for (const on of sets) {
        const words = [
          `--set=tailscale.mode=${mode}`,
          ...on.map((name) => `--set=monitoring.${flag(name)}=true`),
        ];
        if (on.includes("podMonitor") && !on.includes("podNetwork")) {
          expect(await refusal(...words)).toContain(
            "monitoring.podMonitor.enabled: true needs monitoring.podNetwork",
          );
          continue;
        }
        const found = await rendered(...words);
        const named = found.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
        for (const [name, object] of Object.entries(objects))
          expect(named.includes(object), `${on.join()}: ${object}`).toBe(
            on.includes(name as keyof typeof objects),
          );
        const config = found.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"] ?? "";
        expect(config.includes("podNetwork: true"), on.join()).toBe(on.includes("podNetwork"));
        const lint = await runResult([helm, "lint", chart, ...given, ...words]);
        expect(lint.exitCode, lint.stdout).toBe(0);
      }
    },
    300_000,
  );

  test("daemons take the configuration, and Prometheus asks them at the port of it", async () => {
    const words = ["--set=monitoring.podNetwork=true,monitoring.podMonitor.enabled=true"];
    const found = await rendered(...words, "--set=config.monitoring.port=9898");
    const file = await temporaryFile(
      found.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"] ?? "",
    );
    const { get } = examineConfig({ file, environment: { HEADCNI_NODE_NAME: "n1" }, flags: [] });
    expect([get("monitoring.podNetwork"), get("monitoring.port")]).toEqual([true, 9898]);
    const monitor = JSON.stringify(found.find(({ kind }) => kind === "PodMonitor"));
    expect(monitor).toContain('"$1:9898"');
    expect(monitor).toContain('"interval":"30s"');
  });

  test("its objects have the labels by which the cluster's own select them, and the release's", async () => {
    const label = (name: string) =>
      `--set=monitoring.${name}.enabled=true,monitoring.${name}.labels.release=stack`;
    const names = Object.keys(objects);
    const found = await rendered("--set=monitoring.podNetwork=true", ...names.map(label));
    const labels = found
      .filter(({ kind, metadata }) => Object.values<string>(objects).includes(`${kind} ${metadata.name}`))
      .map((object) => object.metadata.labels);
    expect(labels).toHaveLength(3);
    for (const each of labels)
      expect(each).toMatchObject({ release: "stack", "app.kubernetes.io/instance": "headcni" });
  });

  test("Prometheus takes the rules and the way to find daemons, and the dashboard is the repository's", async () => {
    const on = switches.map((name) => `--set=monitoring.${flag(name)}=true`);
    const found = await rendered(...on);
    const specOf = (wanted: string) => found.find(({ kind }) => kind === wanted) ?? {};
    const rules = await temporaryFile(stringify((specOf("PrometheusRule") as Found).spec));
    const checked = await runResult(["promtool", "check", "rules", rules]);
    expect(checked.exitCode, checked.stderr).toBe(0);
    // Debian's promtool knows no Kubernetes; a Prometheus that does takes it in test/e2e/support/test-groups/monitoring-tests.ts.
    const { kubernetes_sd_configs: _, ...scrape } = scrapeConfigOf(specOf("PodMonitor") as PodMonitor, {});
    const config = await temporaryFile(
      stringify({ scrape_configs: [{ job_name: "headcni", ...scrape }], rule_files: [rules] }),
    );
    const { exitCode, stdout, stderr } = await runResult(["promtool", "check", "config", config]);
    expect(exitCode, `${stdout}${stderr}`).toBe(0);
    const dashboard = found.find(({ metadata }) => metadata.name === "headcni-dashboard");
    expect(dashboard?.data?.["headcni.json"]?.trim()).toBe(dashboardText().trim());
  }, 120_000);
});

describe("a value that is wrong is refused with what would be right", () => {
  test.each([
    ["headscale.url=h.example", 'headscale.url: found "h.example", must be an origin'],
    ["network.podCIDR=10.244.0.0", 'network.podCIDR: found "10.244.0.0", must be a prefix, for example'],
    ["network.serviceCIDR={10.96.0.0/16,x}", 'network.serviceCIDR: found "x", must be a prefix'],
    [
      "image.digest=sha256:abc",
      'image.digest: found "sha256:abc", must be sha256: and 64 hexadecimal digits',
    ],
    ["fullnameOverride=Head", 'fullnameOverride: found "Head", must be at most 40 lower-case letters'],
    ["stateDir=lib", 'stateDir: found "lib", must be an absolute path'],
    ["monitoring.podMonitor.interval=often", 'found "often", must be a duration, for example 30s'],
    ["tailscale.mode=hosts", "'/tailscale/mode': value must be one of 'daemon', 'host'"],
    ["monitoring.podNetwork=often", "'/monitoring/podNetwork': got string, want boolean"],
    ["monitoring.podmonitor.enabled=true", "additional properties 'podmonitor' not allowed"],
    ["config.monitoring.podNetwork=true", "config.monitoring.podNetwork: give monitoring.podNetwork"],
  ])("%s", async (value, said) => {
    expect(await refusal(`--set=${value}`)).toContain(said);
  });

  test("all of them at once", async () => {
    const said = await refusal("--set=headscale.url=h.example,runtimeDir=run,cni.binDir=bin");
    for (const key of ["headscale.url", "runtimeDir", "cni.binDir"]) expect(said).toContain(`${key}: found`);
  });
});
