import { beforeAll, expect, test } from "vitest";
import { applyObjects, getJson } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { helm, release } from "../../lab/kubernetes/install/helm.ts";
import { kubeletRequests } from "../../lab/kubernetes/workload/kubelet-requests.ts";
import { startWebhook, webhookRefusal } from "../../lab/kubernetes/workload/webhook.ts";
import {
  type ClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { peerPaths, preferences, tailnetAddresses, tailscaledStatus } from "../../lab/tailnet/local-api.ts";
import { askFromPod } from "../support/traffic/ask-who.ts";
import { useLab } from "../support/use-lab.ts";

/** docs/quickstart-homes.md: a control plane and two workers in mode host, each behind a router that lets nothing in; n3 by the relay alone. */
const lab = useLab({
  nodes: 3,
  mode: "host",
  behindNat: ["n1", "n2", "n3"],
  relayOnly: ["n3"],
  kubernetes: { network: "chart", proxyMode: "nftables" },
});
const workers = ["n2", "n3"];
const workload = { name: "web", replicas: 3 } as const;
/** Of one pod: who asks at a node port is mostly elsewhere. */
const alone = { name: "alone", replicas: 1, nodePort: 30_080 } as const;
let pods: readonly ClusterPod[];
const podOn = (node: string): ClusterPod => {
  const pod = pods.find((candidate) => candidate.node === node);
  if (pod === undefined) throw new Error(`${node} has no pod of the workload`);
  return pod;
};

beforeAll(async () => {
  await applyObjects(lab(), [...workloadObjects(workload), ...workloadObjects(alone)]);
  await waitForWorkload(lab(), workload.name, 110);
  await waitForWorkload(lab(), alone.name, 110);
  pods = await workloadPods(lab(), workload.name);
});

test("Nodes are known by their tailnet addresses, and each home reaches each other one, by the relay where it must", async () => {
  type Node = {
    readonly metadata: { readonly name: string };
    readonly status: { readonly addresses: readonly { readonly type: string; readonly address: string }[] };
  };
  const { items } = await getJson<{ readonly items: readonly Node[] }>(lab(), ["nodes"]);
  const known = items.map(({ metadata, status }) => [
    metadata.name,
    status.addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address),
  ]);
  const own = await Promise.all(
    lab().nodes.map(async (node) => [node.name, [(await tailnetAddresses(node))[4]]]),
  );
  expect(Object.fromEntries(known)).toEqual(Object.fromEntries(own));
  for (const { from, to, path } of await peerPaths(lab()))
    expect([from, to, path]).toEqual([
      from,
      to,
      [from, to].includes("n3") ? "relay" : expect.not.stringMatching("none"),
    ]);
});

test("pods of all homes reach each other with their own addresses, and a Service by its name", async () => {
  for (const from of pods) {
    for (const to of pods.filter((pod) => pod !== from))
      expect(await askFromPod(lab(), from, to.address)).toEqual({ pod: to.name, source: from.address });
    expect(pods.map(({ name }) => name)).toContain((await askFromPod(lab(), from, workload.name))?.pod);
  }
});

test("pods of all homes reach a node port at each node, also at their own node's tailnet address", async () => {
  const [target] = await workloadPods(lab(), alone.name);
  for (const from of pods)
    for (const node of lab().nodes) {
      const host = `${(await tailnetAddresses(node))[4]}:${alone.nodePort}`;
      expect((await askFromPod(lab(), from, host))?.pod, `${from.node} by ${node.name}`).toBe(target?.name);
    }
});

test.each(kubeletRequests)("kubectl $words reaches pods of both workers", async ({ isAnswered }) => {
  for (const worker of workers) expect(await isAnswered(lab(), podOn(worker))).toBe(true);
});

test("a webhook at a worker's home answers the API server", async () => {
  await startWebhook(lab(), "n3");
  expect(await webhookRefusal(lab())).toContain("on n3");
});

test("helm uninstall gives the owners' tailscaleds back as they were", async () => {
  await helm(lab(), ["uninstall", release.name, "--wait", "--timeout=4m"]);
  for (const node of lab().nodes) {
    expect(await preferences(node.tailscaledSocket)).toEqual({ RouteAll: false, AdvertiseRoutes: [] });
    expect((await tailscaledStatus(node.tailscaledSocket)).BackendState).toBe("Running");
  }
});
