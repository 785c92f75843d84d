import { readdir, readFile } from "node:fs/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { addNode } from "../../../lab/add-node.ts";
import { kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { workloadPods } from "../../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../../lab/lab-store.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { describeLeftovers, findLeftovers } from "../../../lab/leftovers.ts";
import { execInPod, type Pod } from "../../../lab/pods.ts";
import { stderrProgress } from "../../../lab/progress.ts";
import { serviceProcess, startService, stopService } from "../../../lab/services.ts";
import { stopLab } from "../../../lab/stop-lab.ts";
import { startProbe } from "../../../lab/traffic/traffic.ts";
import { waitUntil } from "../../../lab/wait-until.ts";
import { allTalk } from "../traffic/pods-talk.ts";
import { watchCluster } from "../views/cluster-watch.ts";

/**
 * Nodes that join a cluster of two with the chart, whose workload `who` has two pods on each; `old` are one on each. The last test takes
 * the lab down.
 */
export function newNodeTests(lab: () => Lab, old: () => readonly Pod[]): void {
  /** `grown` is the lab with the nodes that came later. */
  const state: { grown: Lab } = {} as never;

  beforeAll(() => {
    state.grown = lab();
  });

  /** What the API server tells of Nodes from now on: per line name, NetworkUnavailable with its reason, Ready. */
  async function watchNodes() {
    const of = (type: string, field: string) => `{.status.conditions[?(@.type=="${type}")].${field}}`;
    const fields = ["{.metadata.name}", of("NetworkUnavailable", "status"), of("Ready", "status")];
    const watch = await watchCluster(lab(), ["nodes"], fields.join("/"));
    onTestFinished(watch.end);
    return {
      /** One after another, without repetition: `/`, `True/False`, `False/True`. */
      of: (name: string) =>
        watch
          .lines()
          .flatMap((line) => (line.startsWith(`${name}/`) ? [line.slice(name.length + 1)] : []))
          .filter((line, index, all) => line !== all[index - 1]),
    };
  }

  /** How long ago a node's kubelet was started (proc_pid_stat(5), field 22, in hundredths of a second since boot). */
  async function secondsOfKubelet(node: string): Promise<string> {
    const kubelet = await serviceProcess(state.grown, { name: "kubelet", node });
    const [uptime] = (await readFile("/proc/uptime", "utf8")).split(" ");
    return (Number(uptime) - Number(kubelet?.startTime) / 100).toFixed(1);
  }

  /** Waits until the workload has a pod on a node and the old nodes' pods hear it. */
  async function firstPacketsFrom(node: string): Promise<void> {
    const first = await waitUntil(
      async () => (await workloadPods(lab(), "who")).find((pod) => pod.node === node),
      {
        what: `a pod on ${node}`,
        timeoutMs: 180_000,
        explain: () => kubectl(lab(), ["get", "pods,nodes", "-o", "wide"]),
      },
    );
    for (const from of old()) {
      const answers = async () =>
        (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", first.address])).exitCode === 0;
      await waitUntil(answers, { what: `${first.name} answers ${from.name}`, timeoutMs: 60_000 });
    }
  }

  test("a machine that never was in the cluster becomes a Ready node by itself, and nobody else notices", async () => {
    const progress = stderrProgress();
    const nodes = await watchNodes();
    const [a, b] = old();
    if (a === undefined || b === undefined) throw new Error("no pod on each node");
    const probes = [await startProbe(a, b.address, 20), await startProbe(b, a.address, 20)];
    const start = performance.now();
    state.grown = await addNode(lab(), { name: "n3" }, progress);
    progress(`n3 is registered ${((performance.now() - start) / 1000).toFixed(1)} s after its power came on`);
    // The spread of the workload leaves room for these on n3 only.
    await kubectl(lab(), ["scale", "deployment/who", "--replicas=6"]);
    const packets = firstPacketsFrom("n3").then(async () =>
      progress(`first packet across nodes ${await secondsOfKubelet("n3")} s after the start of n3's kubelet`),
    );
    await kubectl(lab(), ["wait", "--for=condition=Ready", "node/n3", "--timeout=180s"], {
      timeoutMs: 190_000,
    });
    progress(`n3 is Ready ${await secondsOfKubelet("n3")} s after the start of its kubelet`);
    await packets;
    await allTalk(lab(), "who", 6);
    expect((await workloadPods(lab(), "who")).map(({ node }) => node).sort()).toEqual([
      ...["n1", "n1", "n2", "n2", "n3", "n3"],
    ]);
    for (const probe of probes) {
      const report = await probe.stop();
      expect(report).toEqual({ ...report, received: report.sent });
    }
    for (const { name } of lab().nodes) expect(nodes.of(name)).toEqual(["False/True"]);
    // Ready may come before or after; the network was never said to be there and then not.
    const network = nodes.of("n3").map((line) => line.split("/")[0]);
    expect(network[0]).toBe("");
    expect(network.slice(network.indexOf("False")).every((status) => status === "False")).toBe(true);
    expect(network.at(-1)).toBe("False");
  });

  test("a node that joins while Headscale is away says that it has no network until it has", async () => {
    const nodes = await watchNodes();
    await stopService(lab(), { name: "headscale" });
    onTestFinished(() => startService(lab(), { name: "headscale" }));
    state.grown = await addNode(state.grown, { name: "n4" });
    const node = nodeOf(state.grown, "n4");
    await kubectl(lab(), ["scale", "deployment/who", "--replicas=8"]);
    await waitUntil(() => nodes.of("n4").some((line) => line.startsWith("True")), {
      what: "n4 says that its network is unavailable",
      timeoutMs: 120_000,
      explain: () => nodes.of("n4").join(" "),
    });
    expect(await readdir(node.cniConfDir)).toEqual([]);
    await startService(lab(), { name: "headscale" });
    await kubectl(lab(), ["wait", "--for=condition=Ready", "node/n4", "--timeout=180s"], {
      timeoutMs: 190_000,
    });
    await firstPacketsFrom("n4");
    await allTalk(lab(), "who", 8);
    const seen = nodes.of("n4");
    expect(seen.slice(0, seen.findIndex((line) => line.startsWith("True")) + 1).join(" ")).not.toMatch(
      /False\/|\/True/,
    );
    await waitUntil(() => nodes.of("n4").at(-1) === "False/True", {
      what: "n4 says that its network is available",
      timeoutMs: 60_000,
      explain: () => nodes.of("n4").join(" "),
    });
  });

  test("a lab with running pods and nodes that came later goes down and leaves nothing", async () => {
    const { id } = lab();
    const { namespaces, cgroups } = await findLeftovers(id);
    expect(namespaces).toEqual(expect.arrayContaining([`hc-${id}-n3`, `hc-${id}-n4`]));
    expect(cgroups.length).toBeGreaterThan(0);
    await stopLab(id);
    expect(describeLeftovers(await findLeftovers(id))).toBeUndefined();
  });
}
