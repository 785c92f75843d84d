import { join } from "node:path";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import type { ProcessIdentity } from "../../processes/processes.ts";
import type { Progress } from "../../progress.ts";
import { type CommandLine, run } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import { clusterOf, containerdSocket } from "../cluster.ts";
import { getJson, kubectl, kubectlCommand } from "../control-plane/kubectl.ts";
import { processOnNode } from "../node/node-machine.ts";
import { chartFolder, helm, type Release, release, releasesOf, writeValues } from "./helm.ts";

const rolloutMs = 180_000;

/** Installs HeadCNI as an operator does, with one command for each mode of the nodes, and waits until its daemons are ready on all nodes. */
export async function installChart(lab: Lab, progress: Progress): Promise<void> {
  const start = performance.now();
  for (const each of releasesOf(lab)) {
    const values = await writeValues(lab, [], each);
    await helm(lab, ["install", each.name, chartFolder, `--values=${values}`]);
    progress(`The chart is installed for nodes in mode ${each.mode}`);
  }
  await waitForRollout(lab);
  progress(
    `HeadCNI is ready on all nodes ${((performance.now() - start) / 1000).toFixed(1)} s after helm install`,
  );
}

/** Waits until every node has a ready daemon of its DaemonSet's latest version. */
export async function waitForRollout(lab: Lab): Promise<void> {
  await Promise.all(releasesOf(lab).map((each) => waitForRelease(lab, each)));
}

async function waitForRelease(lab: Lab, { name, mode }: Release): Promise<void> {
  const inNamespace = ["-n", release.namespace];
  const rolledOut = async () => {
    // A watch: to ask again and again costs a program each time.
    const status = ["rollout", "status", `daemonset/${name}`, `--timeout=${rolloutMs / 1000}s`];
    await kubectl(lab, [...inNamespace, ...status], { timeoutMs: rolloutMs + 10_000 }).catch(() => "");
    const set = await getJson<DaemonSet>(lab, [...inNamespace, "daemonset", name]);
    const { observedGeneration, numberReady, updatedNumberScheduled = 0 } = set.status;
    const all = lab.nodes.filter((node) => node.mode === mode).length;
    // `kubectl rollout status` is also content with a DaemonSet that has looked at no node yet.
    return (
      observedGeneration === set.metadata.generation && numberReady === all && updatedNumberScheduled === all
    );
  };
  await waitUntil(rolledOut, {
    what: "every node has a ready daemon",
    timeoutMs: rolloutMs,
    everyMs: 250,
    explain: () => kubectl(lab, [...inNamespace, "get", "pods", "-o", "wide"]),
  });
}

type DaemonSet = {
  readonly metadata: { readonly generation: number };
  readonly status: {
    readonly observedGeneration?: number;
    readonly numberReady: number;
    readonly updatedNumberScheduled?: number;
  };
};

/** The command line that prints the log of HeadCNI's pod on a node. Throws LabError NOT_READY if there is none. */
export async function podLogCommand(
  lab: Lab,
  node: LabNode,
  component: "daemon" | "wire",
  follow: boolean,
): Promise<CommandLine> {
  const inNamespace = ["-n", release.namespace];
  const labels = `app.kubernetes.io/name=headcni,app.kubernetes.io/component=${component}`;
  const onThisNode = `--field-selector=spec.nodeName=${node.name}`;
  const found = await kubectl(lab, [...inNamespace, "get", "pods", "-l", labels, onThisNode, "-o", "name"]);
  const [pod = ""] = found.split("\n");
  if (pod === "") throw new LabError("NOT_READY", `${node.name} has no pod with the ${component}`);
  return kubectlCommand(lab, [...inNamespace, "logs", pod, ...(follow ? ["--follow"] : [])]);
}

/** The process of a container of HeadCNI's pods on a node, by the container's name, while it runs. */
export async function containerProcess(
  lab: Lab,
  node: LabNode,
  container: string,
): Promise<ProcessIdentity | undefined> {
  const ctr = async (args: readonly string[]) => {
    const program = join(clusterOf(lab).tools.containerd, "ctr");
    return await run([program, "--address", containerdSocket(node), "--namespace", "k8s.io", ...args], {
      timeoutMs: 30_000,
    }).catch(() => "");
  };
  const wanted = `labels."io.kubernetes.container.name"==${container}`;
  const ids = (await ctr(["containers", "list", "--quiet", wanted])).trim().split("\n");
  const rows = (await ctr(["tasks", "list"])).trim().split("\n");
  for (const row of rows) {
    const [id = "", pid, status] = row.trim().split(/\s+/);
    if (!ids.includes(id) || status !== "RUNNING") continue;
    return await processOnNode(lab, node, Number(pid));
  }
  return undefined;
}
