import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { nodeLogFile } from "../../lab/kubernetes/cluster.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { chartFolder, helm, release, writeValues } from "../../lab/kubernetes/install/helm.ts";
import { containerProcess, installChart, waitForRollout } from "../../lab/kubernetes/install/install.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import { cutPower, powerOn } from "../../lab/kubernetes/node/node-power.ts";
import {
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
} from "../../lab/kubernetes/workload/workload.ts";
import { LabError } from "../../lab/lab-error.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { tailOf } from "../../lab/processes/log-tail.ts";
import { signalProcess } from "../../lab/processes/processes.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { run } from "../../lab/run-command.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { rollbackTests } from "../support/test-groups/rollback-tests.ts";
import { pingMeanwhile } from "../support/traffic/ping-meanwhile.ts";
import { useLab } from "../support/use-lab.ts";
import { watchCluster } from "../support/views/cluster-watch.ts";
import { acrossNodes, componentPods, componentUids } from "../support/views/component-pods.ts";
import { type NodeSnapshot, nodeSnapshot, untilNodeSettled } from "../support/views/node-snapshot.ts";

const lab = useLab({ nodes: 3, kubernetes: { network: "none", proxyMode: "nftables" } });
const node = (name: string) => nodeOf(lab(), name);
const progress = stderrProgress();
const before = new Map<string, NodeSnapshot>();

async function readyOf(name: string): Promise<string> {
  return await kubectl(lab(), [
    ...["get", "node", name, '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}'],
  ]);
}

/** Runs `helm uninstall` and gives back what the operator reads, whether it succeeds or not. */
async function uninstall(): Promise<{ readonly succeeded: boolean; readonly text: string }> {
  const start = performance.now();
  const answer = await helm(lab(), ["uninstall", release.name]).then(
    (text) => ({ succeeded: true, text }),
    (error: unknown) => ({
      succeeded: false,
      text: error instanceof LabError ? error.message : String(error),
    }),
  );
  progress(
    `helm uninstall ended after ${((performance.now() - start) / 1000).toFixed(1)} s:\n${answer.text}`,
  );
  return answer;
}

async function setConditions(name: string, conditions: readonly object[]): Promise<void> {
  const patch = `--patch=${JSON.stringify({ status: { conditions } })}`;
  await kubectl(lab(), ["patch", "node", name, "--subresource=status", "--type=strategic", patch]);
}

async function networkCondition(name: string): Promise<string> {
  const condition = '-o=jsonpath={.status.conditions[?(@.type=="NetworkUnavailable")]}';
  return await kubectl(lab(), ["get", "node", name, condition]);
}

async function expectClean(name: string): Promise<void> {
  expect(await nodeSnapshot(lab(), node(name)), name).toEqual(before.get(name));
  expect(await networkCondition(name)).toBe("");
  const annotations = ["get", "node", name, "-o=jsonpath={.metadata.annotations}"];
  expect(await kubectl(lab(), annotations), name).not.toContain("headcni");
}

/** Prefixes that a node announces, and those that Headscale has it serve. */
async function routesOf(name: string): Promise<{ readonly announced: string[]; readonly served: string[] }> {
  type Row = {
    readonly name: string;
    readonly available_routes?: string[];
    readonly subnet_routes?: string[];
  };
  const rows = JSON.parse(await headscale(lab(), ["nodes", "list-routes", "-o", "json"])) as readonly Row[];
  // A node that joined anew is the last of its name.
  const row = rows.findLast((one) => one.name === name);
  return { announced: row?.available_routes ?? [], served: row?.subnet_routes ?? [] };
}

async function headcniPods(): Promise<readonly string[]> {
  type Pod = { readonly metadata: { readonly name: string }; readonly spec: { readonly nodeName?: string } };
  const all = ["-n", release.namespace, "pods", "-l", "app.kubernetes.io/name=headcni"];
  const { items } = await getJson<{ readonly items: readonly Pod[] }>(lab(), all);
  return items.map(({ metadata, spec }) => `${metadata.name} ${spec.nodeName ?? ""}`);
}

async function daemonPodOf(name: string): Promise<string> {
  const here = ["-l", "app.kubernetes.io/component=daemon", `--field-selector=spec.nodeName=${name}`];
  return (await kubectl(lab(), ["-n", release.namespace, "get", "pods", "-o", "name", ...here])).trim();
}

/** A folder where the clean-up expects a file of its own: it does not remove what it did not make. */
const obstacle = () => join(node("n2").stateDir, "proven.json");

test("one helm install: nodes become Ready and pods of two nodes reach each other", async () => {
  for (const node of lab().nodes) {
    await untilNodeSettled(lab(), node);
    before.set(node.name, await nodeSnapshot(lab(), node));
  }
  const start = performance.now();
  await installChart(lab(), progress);
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  progress(`all nodes Ready ${((performance.now() - start) / 1000).toFixed(1)} s after helm install`);
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 4 }));
  await waitForWorkload(lab(), "who", 120);
  const [from, to] = await acrossNodes(lab());
  const { stdout } = await execInClusterPod(lab(), from, ["ping", "-c", "3", "-W", "5", to.address]);
  expect(stdout).toContain("3 packets received");
  progress(
    `first packets across nodes ${((performance.now() - start) / 1000).toFixed(1)} s after helm install`,
  );
});

test("the plugin and the conflist are in place, and a plugin of somebody else is as it was", async () => {
  for (const node of lab().nodes) {
    const { files = [] } = await nodeSnapshot(lab(), node);
    expect(files.filter((line) => line.startsWith("/opt/cni/bin/headcni"))).toEqual([
      "/opt/cni/bin/headcni f 755 ",
    ]);
    expect(files).toContain("/etc/cni/net.d/10-headcni.conflist f 644 ");
    const others = (before.get(node.name)?.["files"] ?? []).filter((line) =>
      line.startsWith("/opt/cni/bin/"),
    );
    expect(files).toEqual(expect.arrayContaining(others));
  }
});

test.each([
  [
    "kubectl rollout restart",
    () => kubectl(lab(), ["-n", release.namespace, "rollout", "restart", "daemonset/headcni"]),
  ],
  [
    "helm upgrade with another configuration",
    async () => {
      const values = await writeValues(lab());
      const change = ["--set=config.logging.level=debug"];
      return await helm(lab(), ["upgrade", release.name, chartFolder, `--values=${values}`, ...change]);
    },
  ],
])("%s: no packet is lost, nodes stay Ready, Services keep their endpoints", async (_, update) => {
  const nodes = await watchCluster(
    lab(),
    ["nodes"],
    ["status", "reason", "message"]
      .map((field) => `{.status.conditions[?(@.type=="Ready")].${field}}`)
      .join(" "),
  );
  onTestFinished(nodes.end);
  const endpoints = await watchCluster(
    lab(),
    ["endpointslices", "-l", "kubernetes.io/service-name=who"],
    "{.endpoints[*].conditions.ready}",
  );
  onTestFinished(endpoints.end);
  const daemons = await componentUids(lab(), "daemon");
  const wires = await componentUids(lab(), "wire");
  const [from, to] = await acrossNodes(lab());
  const pinged = await pingMeanwhile(lab(), from, to);

  await update();
  await waitForRollout(lab());

  const { received, lost } = await pinged();
  expect(received).toBeGreaterThan(0);
  expect(lost).toEqual([]);
  expect((await componentUids(lab(), "daemon")).filter((uid) => daemons.includes(uid))).toEqual([]);
  expect(await componentUids(lab(), "wire")).toEqual(wires);
  expect(nodes.lines().filter((line) => !/^True /.test(line))).toEqual([]);
  expect(endpoints.lines().filter((line) => line !== "true true true true")).toEqual([]);
});

test("a configuration of another CNI that the runtime would take first is named, and left alone", async () => {
  const other = join(node("n1").cniConfDir, "05-other.conflist");
  const text = '{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"bridge"}]}';
  await run(["sh", "-c", `printf %s '${text}' >${other}`]);
  onTestFinished(async () => void (await run(["rm", "-f", other])));
  const replaced = await daemonPodOf("n1");
  await kubectl(lab(), ["-n", release.namespace, "delete", replaced]);
  const another = async () => ![replaced, ""].includes(await daemonPodOf("n1"));
  await waitUntil(another, { what: "n1 has another daemon", timeoutMs: 60_000, everyMs: 500 });
  await waitForRollout(lab());
  const pod = (await componentPods(lab(), "daemon")).map(({ metadata }) => metadata.name);
  const logs = await Promise.all(
    pod.map((name) => kubectl(lab(), ["-n", release.namespace, "logs", name, "-c", "headcni"])),
  );
  const warned = logs
    .join("")
    .split("\n")
    .filter((line) => line.includes("05-other.conflist"));
  expect(warned).toEqual([expect.stringContaining("uses another CNI configuration before")]);
  expect(await run(["cat", other])).toBe(text);
});

test("helm uninstall leaves the nodes as they were", async () => {
  await kubectl(lab(), ["delete", "deployment/who", "service/who"]);
  await kubectl(lab(), ["-n", "kube-system", "scale", "deployment/coredns", "--replicas=0"]);
  type Pods = { readonly items: readonly { readonly metadata: { readonly name: string } }[] };
  const pods = async () =>
    (await getJson<Pods>(lab(), ["pods", "-A"])).items.map(({ metadata }) => metadata.name);
  const others = async () => (await pods()).filter((name) => !name.startsWith("headcni"));
  await waitUntil(async () => (await others()).length === 0, {
    what: "pods with addresses are gone",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  const start = performance.now();
  await helm(lab(), ["uninstall", release.name, "--wait", "--timeout=5m"]);
  progress(`helm uninstall took ${((performance.now() - start) / 1000).toFixed(1)} s`);
  await waitUntil(async () => (await pods()).length === 0, {
    what: "all pods are gone",
    timeoutMs: 120_000,
    everyMs: 500,
  });
  for (const { name } of lab().nodes) {
    await expectClean(name);
    const folders = ["ls", "-A", "/run/headcni", "/var/lib/headcni"] as const;
    expect(await run(await inNode(lab(), node(name), folders))).not.toMatch(/\w+\.\w+/);
  }
});

describe("from the release before and back", () => rollbackTests(lab));

test("a node switched off, one where the clean-up fails, a daemon that hangs: each is named, what can be is cleaned", async () => {
  const values = `--values=${await writeValues(lab())}`;
  const settings = ["--set=uninstall.timeoutSeconds=40", "--set=daemon.maxUnavailable=3"];
  await helm(lab(), ["upgrade", "--install", release.name, chartFolder, values, ...settings]);
  // A daemon that hangs takes all the time that it has for its end: 30 s by the chart.
  const path = "/spec/template/spec/terminationGracePeriodSeconds";
  const patch = ["--type=json", `--patch=${JSON.stringify([{ op: "replace", path, value: 5 }])}`];
  await kubectl(lab(), ["-n", release.namespace, "patch", "daemonset", "headcni", ...patch]);
  await waitForRollout(lab());
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  for (const { name } of lab().nodes) {
    const { announced, served } = await routesOf(name);
    expect(announced, name).toHaveLength(1);
    expect(served, name).toEqual(announced);
  }
  await cutPower(lab(), node("n3"));
  await rm(obstacle());
  await mkdir(join(obstacle(), "folder"), { recursive: true });
  const hanging = await containerProcess(lab(), node("n1"), "headcni");
  if (hanging === undefined) throw new Error("no daemon on n1");
  signalProcess(hanging, "SIGSTOP");
  await setConditions("n3", [
    // As the control plane says it of a node that has not reported for 50 s.
    { type: "Ready", status: "Unknown", reason: "NodeStatusUnknown", message: "no report" },
    // As a node says it whose tailnet is down; nobody else would take it back.
    { type: "NetworkUnavailable", status: "True", reason: "TailnetDown", message: "no peer" },
  ]);
  const { succeeded, text } = await uninstall();
  expect(succeeded).toBe(false);
  expect(text).toMatch(/: clean: n1$/m);
  expect(text).toMatch(/: NOT CLEAN: n3 \(kubelet does not report/m);
  expect(text).toMatch(/: NOT CLEAN: n2 \(in time; see /m);
  expect(text).toContain("helm uninstall headcni -n kube-system");
  expect(text).toContain(
    "rm -rf /etc/cni/net.d/10-headcni.conflist /opt/cni/bin/headcni /run/headcni /var/lib/headcni; reboot",
  );
  await expectClean("n1");
  // Of n3, which nobody could ask, Headscale keeps what it announced.
  for (const name of ["n1", "n2"]) expect(await routesOf(name), name).toEqual({ announced: [], served: [] });
  expect(await networkCondition("n3")).toBe("");
  const why = ["logs", "daemonset/headcni-cleanup", "-c", "cleanup"];
  expect(await kubectl(lab(), ["-n", release.namespace, ...why])).not.toBe("");
}, 600_000);

test("once both can be cleaned, the same command does the rest and removes the release", async () => {
  await rm(obstacle(), { recursive: true });
  await powerOn(lab(), node("n3"));
  await untilNodeSettled(lab(), node("n3"));
  await waitUntil(async () => (await readyOf("n3")) !== "Unknown", {
    what: "n3 reports again",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: () => tailOf(nodeLogFile(node("n3"), "kubelet")),
  });
  const { succeeded, text } = await uninstall();
  expect(succeeded, text).toBe(true);
  await waitUntil(async () => (await headcniPods()).length === 0, {
    what: "no pod of HeadCNI is left",
    timeoutMs: 60_000,
    everyMs: 500,
    explain: async () => (await headcniPods()).join(", "),
  });
  for (const { name } of lab().nodes) await expectClean(name);
}, 600_000);

test("an uninstallation that failed and is then left out leaves no service account with rights", async () => {
  await mkdir(join(obstacle(), "folder"), { recursive: true });
  const values = `--values=${await writeValues(lab())}`;
  await helm(lab(), ["install", release.name, chartFolder, values, "--set=uninstall.timeoutSeconds=10"]);
  expect((await uninstall()).succeeded).toBe(false);
  // Helm before 3.15, and one that is interrupted, leave the bindings.
  const text = await readFile(join(chartFolder, "..", "..", "manifests", "uninstall.yaml"), "utf8");
  const hooks = parseAllDocuments(text).map(
    (document) => document.toJS() as { readonly kind: string } | null,
  );
  const bindings = hooks.filter((object) => object?.kind.endsWith("Binding"));
  expect(bindings).toHaveLength(2);
  await applyObjects(lab(), bindings);
  await helm(lab(), ["uninstall", release.name, "--no-hooks"]);
  const labelled = ["-l", "app.kubernetes.io/name=headcni", "-o", "name"];
  const left = async (kinds: string) =>
    await kubectl(lab(), ["-n", release.namespace, "get", kinds, ...labelled]);
  expect(await left("serviceaccount,role,clusterrole")).toBe("");
  // What the guide says takes the rest, which nobody can use.
  const rest = "daemonset,job,configmap,rolebinding,clusterrolebinding";
  expect(await left(rest)).not.toBe("");
  await kubectl(lab(), ["-n", release.namespace, "delete", rest, "-l", "app.kubernetes.io/name=headcni"]);
  expect(await left(rest)).toBe("");
}, 600_000);
