import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { headscale } from "../lab/headscale.ts";
import { nodeLogFile } from "../lab/kubernetes/cluster.ts";
import { chartFolder, helm, release, writeValues } from "../lab/kubernetes/helm.ts";
import { containerProcess, installChart } from "../lab/kubernetes/install.ts";
import { getJson, kubectl } from "../lab/kubernetes/kubectl.ts";
import { cutPower, powerOn } from "../lab/kubernetes/node-power.ts";
import { LabError } from "../lab/lab-error.ts";
import { nodeOf } from "../lab/lab-store.ts";
import { tailOf } from "../lab/log-tail.ts";
import { signalProcess } from "../lab/processes.ts";
import { stderrProgress } from "../lab/progress.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { type NodeSnapshot, nodeSnapshot, untilNodeSettled } from "./support/node-snapshot.ts";
import { useLab } from "./support/use-lab.ts";

const lab = useLab({ nodes: 3, kubernetes: { network: "none", proxyMode: "nftables" } });
const node = (name: string) => nodeOf(lab(), name);
const before = new Map<string, NodeSnapshot>();
const progress = stderrProgress();

beforeAll(async () => {
  // Pods would be the operator's to delete first.
  await kubectl(lab(), ["-n", "kube-system", "scale", "deployment/coredns", "--replicas=0"]);
  for (const each of lab().nodes) {
    await untilNodeSettled(lab(), each);
    before.set(each.name, await nodeSnapshot(lab(), each));
  }
  await installChart(lab(), progress);
  const values = `--values=${await writeValues(lab())}`;
  await helm(lab(), ["upgrade", release.name, chartFolder, values, "--set=uninstall.timeoutSeconds=75"]);
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
});

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
}

/** Prefixes that a node announces, and those that Headscale has it serve. */
async function routesOf(name: string): Promise<{ readonly announced: string[]; readonly served: string[] }> {
  type Row = {
    readonly name: string;
    readonly available_routes?: string[];
    readonly subnet_routes?: string[];
  };
  const rows = JSON.parse(await headscale(lab(), ["nodes", "list-routes", "-o", "json"])) as readonly Row[];
  const row = rows.find((one) => one.name === name);
  return { announced: row?.available_routes ?? [], served: row?.subnet_routes ?? [] };
}

async function headcniPods(): Promise<readonly string[]> {
  type Pod = { readonly metadata: { readonly name: string }; readonly spec: { readonly nodeName?: string } };
  const all = ["-n", release.namespace, "pods", "-l", "app.kubernetes.io/name=headcni"];
  const { items } = await getJson<{ readonly items: readonly Pod[] }>(lab(), all);
  return items.map(({ metadata, spec }) => `${metadata.name} ${spec.nodeName ?? ""}`);
}

/** A folder where the clean-up expects a file of its own: it does not remove what it did not make. */
const obstacle = () => join(node("n2").stateDir, "proven.json");

test("a node switched off, one where the clean-up fails, a daemon that hangs: each is named, what can be is cleaned", async () => {
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
    // As a node says it whose tailnet is in trouble; nobody else would take it back.
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
