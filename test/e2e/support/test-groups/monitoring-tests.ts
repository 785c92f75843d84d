import { beforeAll, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { ensurePrometheus } from "../../../lab/build/prometheus-tool.ts";
import { clusterOf } from "../../../lab/kubernetes/cluster.ts";
import { certificateOf } from "../../../lab/kubernetes/control-plane/certificates.ts";
import { applyObjects, getJson, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { chartFolder, helm, release, writeValues } from "../../../lab/kubernetes/install/helm.ts";
import { waitForRollout } from "../../../lab/kubernetes/install/install.ts";
import { nodeOf } from "../../../lab/lab-store.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import type { Pod } from "../../../lab/pods.ts";
import { stderrProgress } from "../../../lab/progress.ts";
import { run, runResult } from "../../../lab/run-command.ts";
import { pauseService, resumeService } from "../../../lab/services.ts";
import { waitUntil } from "../../../lab/wait-until.ts";
import { type PodMonitor, scrapeConfigOf } from "../../../support/pod-monitor.ts";
import { prometheusTargets, startPrometheus, untilRings, untilSilent } from "../views/prometheus.ts";

const group = "monitoring.coreos.com";
const rbac = "rbac.authorization.k8s.io";
const account = { name: "prometheus", namespace: "default" };
const port = 9797;

/** The operator's two kinds, without its checks of their fields. */
const kinds = ["PodMonitor", "PrometheusRule"].map((kind) => {
  const names = { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() };
  const schema = {
    openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${names.plural}.${group}` },
    spec: {
      group,
      names,
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
});

/** What a Prometheus gets that discovers pods and, with `attachMetadata`, their Nodes. */
const access = [
  { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
  {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name: account.name },
    rules: [{ apiGroups: [""], resources: ["pods", "nodes"], verbs: ["get", "list", "watch"] }],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: account.name },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: account.name },
    subjects: [{ kind: "ServiceAccount", ...account }],
  },
];

/** Prometheus in the network of a pod, which knows of the daemons what the chart's objects say; the Prometheus Operator's part is the test's. */
export function monitoringTests(lab: () => Lab, pod: () => Pod): void {
  const names = () => lab().nodes.map(({ name }) => name);
  /** Where Prometheus runs: its files and its namespace. */
  const place = (): LabNode => ({ ...nodeOf(lab(), pod().node), netns: pod().netns });

  beforeAll(async () => {
    await applyObjects(lab(), [...kinds, ...access]);
    const crds = kinds.map(({ metadata }) => `crd/${metadata.name}`);
    await kubectl(lab(), ["wait", "--for=condition=Established", ...crds, "--timeout=60s"]);
    const wanted = ["podNetwork", "podMonitor.enabled", "prometheusRule.enabled", "dashboard.enabled"];
    await helm(lab(), [
      ...["upgrade", release.name, chartFolder, `--values=${await writeValues(lab())}`],
      ...wanted.map((value) => `--set=monitoring.${value}=true`),
    ]);
    await waitForRollout(lab());
    const ours = async <T>(kind: string) =>
      await getJson<T>(lab(), ["-n", release.namespace, kind, release.name]);
    const token = (await kubectl(lab(), ["create", "token", account.name])).trim();
    const service = await getJson<{ readonly spec: { readonly clusterIP: string } }>(lab(), [
      "svc",
      "kubernetes",
    ]);
    const host = service.spec.clusterIP.includes(":")
      ? `[${service.spec.clusterIP}]`
      : service.spec.clusterIP;
    await startPrometheus(lab(), place(), {
      program: await ensurePrometheus(stderrProgress()),
      rules: hasty(await ours<Rules>("prometheusrule")),
      scrape: scrapeConfigOf(await ours<PodMonitor>("podmonitor"), {
        api_server: `https://${host}`,
        authorization: { credentials: token },
        tls_config: { ca_file: certificateOf(clusterOf(lab()), "authority").certificate },
      }),
    });
  }, 300_000);

  test("finds every daemon and reads its metrics by the pod network, each once, by its Node's name", async () => {
    const read = async () =>
      (await prometheusTargets(place()))
        .map(({ labels, scrapeUrl, health }) => [labels["job"], labels["instance"], scrapeUrl, health])
        .toSorted(([, one = ""], [, other = ""]) => (one < other ? -1 : 1));
    const wanted = lab().nodes.map(({ name, routerAddress }) => [
      ...["headcni", name, `http://${routerAddress}:${port}/metrics`, "up"],
    ]);
    await waitUntil(async () => JSON.stringify(await read()) === JSON.stringify(wanted), {
      what: "Prometheus reads all daemons",
      timeoutMs: 60_000,
      explain: async () => JSON.stringify(await prometheusTargets(place())),
    });
  });

  test("nothing else is open: no other page, not at a node's own address, and not to the underlay by way of a node", async () => {
    const { routerAddress: router, address } = nodeOf(lab(), "n1");
    const asked = async (netns: string, host: string, path: string) => {
      const script = `exec 3<>/dev/tcp/${host}/${port} && printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3`;
      const command = inNetns(netns, ["timeout", "3", "bash", "-c", script] as const);
      return (await runResult(command)).stdout.trim();
    };
    const { netns } = pod();
    expect(await asked(netns, router, "/metrics")).toBe("HTTP/1.1 200 OK");
    for (const path of ["/healthz", "/ready"])
      expect(await asked(netns, router, path), path).toBe("HTTP/1.1 404 Not Found");
    for (const path of ["/debug/machines", "/inspect"])
      expect(await asked(netns, router, path), path).toBe("HTTP/1.1 403 Forbidden");
    for (const from of [netns, nodeOf(lab(), "n2").netns, lab().netns])
      expect(await asked(from, address, "/metrics"), from).toBe("");
    const way = [`${router}/32`, "via", address];
    await run(inNetns(lab().netns, ["ip", "route", "add", ...way]));
    onTestFinished(async () => void (await run(inNetns(lab().netns, ["ip", "route", "del", ...way]))));
    expect(await asked(lab().netns, router, "/metrics")).toBe("");
  });

  test("rings when a daemon does not answer, by the chart's rules", async () => {
    const [, stopped = ""] = names();
    const daemon = { name: "daemon", node: stopped } as const;
    onTestFinished(() => resumeService(lab(), daemon));
    await pauseService(lab(), daemon);
    const down = await untilRings(place(), "HeadcniDown", { instance: stopped, severity: "critical" });
    expect(down.annotations["summary"]).toContain(`the daemon of ${stopped} does not answer`);
    await resumeService(lab(), daemon);
    await untilSilent(place(), ["HeadcniDown"]);
  });

  test("and Grafana's sidecar finds the dashboard", async () => {
    interface Found {
      readonly items: readonly { readonly data: Readonly<Record<string, string>> }[];
    }
    const labelled = ["-n", release.namespace, "configmaps", "-l", "grafana_dashboard=1"];
    const { items } = await getJson<Found>(lab(), labelled);
    expect(items.map(({ data }) => JSON.parse(data["headcni.json"] ?? ""))).toMatchObject([
      { uid: "headcni" },
    ]);
  });
}

interface Rules {
  readonly spec: {
    readonly groups: readonly {
      readonly name: string;
      readonly rules: readonly Readonly<Record<string, unknown>>[];
    }[];
  };
}

/** The rules, each as soon as its condition holds for a second. */
function hasty({ spec }: Rules): string {
  const groups = spec.groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => ({ ...rule, for: "1s" })),
  }));
  return stringify({ groups });
}
