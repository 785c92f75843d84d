import { beforeAll, expect, test } from "vitest";
import {
  type NodeAddress,
  replacedAddressesAnnotation,
  uninitializedTaint,
} from "../../../src/domain/kubernetes/node-address.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { approveServing } from "../../lab/kubernetes/control-plane/approve-serving.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { chartFolder, helm, release, writeValues } from "../../lab/kubernetes/install/helm.ts";
import { waitForRollout } from "../../lab/kubernetes/install/install.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { runResult } from "../../lab/run-command.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { useLab } from "../support/use-lab.ts";
import { metric } from "../support/views/daemon-view.ts";

/** n2 is behind a router that masquerades: the API server opens connections to its kubelet over the tailnet alone. */
const lab = useLab({
  nodes: 2,
  behindNat: ["n2"],
  kubernetes: { network: "chart", proxyMode: "nftables", nodeAddress: "tailnet" },
});

/** Finds the namespace by its address among those that the node's runtime made, and prints who does not answer there. */
const pingScript = `own=$1; shift
for netns in /run/netns/*; do
  if nsenter --net="$netns" ip -4 -o address | grep -qF " $own/"; then
    for to in "$@"; do (nsenter --net="$netns" ping -q -c 1 -W 2 "$to" >/dev/null || echo "$to") & done
    wait
    exit 0
  fi
done
echo "no namespace"`;

/** Whom a pod does not hear. */
async function unheardBy(from: ClusterPod, pods: readonly ClusterPod[]): Promise<readonly string[]> {
  const script = ["sh", "-c", pingScript, "sh", from.address, ...pods.map(({ address }) => address)] as const;
  const command = await inNode(lab(), nodeOf(lab(), from.node), [...script]);
  const { exitCode, stdout } = await runResult(command, { timeoutMs: 30_000 });
  return exitCode === 0 ? stdout.split("\n").filter((line) => line !== "") : [`exit code ${exitCode}`];
}

async function allTalk(count: number): Promise<void> {
  const unheard = async () => {
    const pods = await workloadPods(lab(), "who");
    const lost: string[] = pods.length === count ? [] : [`${pods.length} pods`];
    const found = await Promise.all(pods.map(async (from) => ({ from, by: await unheardBy(from, pods) })));
    for (const { from, by } of found)
      for (const to of by) lost.push(`${from.address} on ${from.node} to ${to}`);
    return lost;
  };
  await waitUntil(async () => (await unheard()).length === 0, {
    what: `${count} pods talk to each other`,
    timeoutMs: 180_000,
    everyMs: 500,
    explain: async () => `unheard: ${(await unheard()).join(", ")}`,
  });
}

/** HeadCNI's pods of a component on a node: their uid and how often their container was started anew, once it was started. */
async function podsOf(component: "daemon" | "wire", nodeName: string) {
  type Pod = {
    readonly metadata: { readonly uid: string };
    readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
  };
  const labels = `app.kubernetes.io/name=headcni,app.kubernetes.io/component=${component}`;
  const here = ["-l", labels, `--field-selector=spec.nodeName=${nodeName}`];
  const { items } = await getJson<{ readonly items: readonly Pod[] }>(lab(), [
    ...["-n", release.namespace, "pods"],
    ...here,
  ]);
  return items.map(({ metadata: { uid }, status }) => ({
    uid,
    restartCount: status.containerStatuses?.[0]?.restartCount,
  }));
}

/** Has the wire of a node replaced as an operator does, and waits until the node is as it was. */
async function replaceWire(nodeName: string): Promise<void> {
  const [before] = await podsOf("wire", nodeName);
  const daemon = await podsOf("daemon", nodeName);
  const wire = [
    "pods",
    "-l",
    "app.kubernetes.io/component=wire",
    `--field-selector=spec.nodeName=${nodeName}`,
  ];
  await kubectl(lab(), ["-n", release.namespace, "delete", ...wire]);
  const replaced = async () => {
    const [now, ...others] = await podsOf("wire", nodeName);
    return now?.restartCount !== undefined && now.uid !== before?.uid && others.length === 0;
  };
  await waitUntil(replaced, {
    what: `${nodeName} has another wire`,
    timeoutMs: 120_000,
    everyMs: 500,
    explain: async () => JSON.stringify(await podsOf("wire", nodeName)),
  });
  await waitForDaemon(lab(), nodeOf(lab(), nodeName), 180_000);
  expect(await podsOf("daemon", nodeName)).toEqual(daemon);
}

type NodeInCluster = {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly taints?: readonly { readonly key: string }[] };
  readonly status: { readonly addresses: readonly NodeAddress[] };
};
const nodeInCluster = (node: LabNode) => getJson<NodeInCluster>(lab(), ["node", node.name]);

/** The other addresses of the Node are as kubelet wrote them. */
async function untilAddressed(node: LabNode, address: string): Promise<void> {
  const wanted = `InternalIP ${address}, Hostname ${node.name}`;
  const found = async () => {
    const { status } = await nodeInCluster(node);
    return status.addresses.map((one) => `${one.type} ${one.address}`).join(", ");
  };
  await waitUntil(async () => (await found()) === wanted, {
    what: `the InternalIP of ${node.name} is ${address}`,
    timeoutMs: 30_000,
    everyMs: 500,
    explain: found,
  });
}

beforeAll(async () => {
  await applyObjects(lab(), workloadObjects({ name: "who", replicas: 6 }));
  await waitForWorkload(lab(), "who", 110);
});

test("pods of all nodes reach each other, also those of a node behind a router", async () => {
  await allTalk(6);
  expect(new Set((await workloadPods(lab(), "who")).map(({ node }) => node))).toEqual(new Set(["n1", "n2"]));
});

test("the API server reaches every kubelet by its node's tailnet address, and knows it by its certificate", async () => {
  for (const node of lab().nodes) {
    await untilAddressed(node, node.routerAddress);
    const { metadata, spec } = await nodeInCluster(node);
    expect(metadata.annotations[replacedAddressesAnnotation]).toBe(node.address);
    expect((spec.taints ?? []).map(({ key }) => key)).not.toContain(uninitializedTaint);
    expect(await metric(node, "headcni_node_address_published")).toBe(1);
  }
  await approveServing(lab());
  const pods = await workloadPods(lab(), "who");
  for (const node of lab().nodes) {
    const pod = pods.find((one) => one.node === node.name);
    const name = async () =>
      pod === undefined ? undefined : await execInClusterPod(lab(), pod, ["cat", "/etc/hostname"]);
    await waitUntil(async () => (await name())?.stdout.trim() === pod?.name, {
      what: `the API server reaches ${node.name}'s kubelet`,
      timeoutMs: 60_000,
      explain: async () => JSON.stringify(await name()),
    });
    await kubectl(lab(), ["logs", pod?.name ?? ""]);
  }
});

test("the wire's pod of the node behind a router is deleted: its pods talk again, new ones attach", async () => {
  await replaceWire("n2");
  const { length } = await workloadPods(lab(), "who");
  await allTalk(length);
  await kubectl(lab(), ["scale", "deployment/who", `--replicas=${length + 3}`]);
  await waitForWorkload(lab(), "who", 110);
  await allTalk(length + 3);
  await kubectl(lab(), ["scale", "deployment/who", `--replicas=${length}`]);
  await waitUntil(async () => (await workloadPods(lab(), "who")).length === length, {
    what: "the additional pods go",
    timeoutMs: 60_000,
  });
});

test("tailscaled's new settings come with new wires: all pods talk by the relay alone", async () => {
  const relayAlone = "config.tailscale.environment.TS_DEBUG_ALWAYS_USE_DERP=1";
  const values = `--values=${await writeValues(lab())}`;
  const atOnce = "--set=daemon.maxUnavailable=2";
  await helm(lab(), ["upgrade", release.name, chartFolder, values, `--set-string=${relayAlone}`, atOnce]);
  await waitForRollout(lab());
  await Promise.all(lab().nodes.map(({ name }) => replaceWire(name)));
  await allTalk(6);
  const kinds = async () => new Set((await peerPaths(lab())).map(({ path }) => path));
  await waitUntil(async () => [...(await kinds())].join() === "relay", {
    what: "all nodes reach each other by the relay alone",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: async () => JSON.stringify(await peerPaths(lab())),
  });
});

test("an uninstallation gives the Nodes back the addresses that they had", async () => {
  await helm(lab(), ["uninstall", release.name]);
  for (const node of lab().nodes) {
    await untilAddressed(node, node.address);
    const { metadata } = await nodeInCluster(node);
    expect(metadata.annotations[replacedAddressesAnnotation]).toBeUndefined();
  }
});
