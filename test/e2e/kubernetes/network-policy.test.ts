import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readyPage } from "../../lab/headcni/daemon-pages.ts";
import { applyObjects, getJson, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { openClusterPod } from "../../lab/kubernetes/workload/open-cluster-pod.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Pod } from "../../lab/pods.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { killService, startService } from "../../lab/services.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { startPodServer, startProbe, startRead } from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { policyTraceTests } from "../support/test-groups/policy-trace-tests.ts";
import { askAllFromPod, askFromNode, askFromOutside } from "../support/traffic/ask-who.ts";
import { useLab } from "../support/use-lab.ts";
import { metric } from "../support/views/daemon-view.ts";

const nodePort = 30_080;
const hostPort = 8_081;

/** n1 is in mode daemon, n2 in mode host. Kubernetes' own tests say what policies mean (npm run test:conformance -- --network-policy). */
const lab = useLab({
  nodes: 2,
  mode: "mixed",
  families: [4, 6],
  kubernetes: { network: "chart", proxyMode: "nftables" },
});
/** One on each node. */
const servers: ClusterPod[] = [];
const clients: ClusterPod[] = [];

const policy = (name: string, spec: object) => ({
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec },
});
const isServer = { matchLabels: { app: "server" } };
const isFriend = { podSelector: { matchLabels: { role: "friend" } } };
const denied = policy("denied", { podSelector: isServer, policyTypes: ["Ingress"] });
const closed = policy("closed", { podSelector: isServer, policyTypes: ["Ingress", "Egress"] });
const toFriends = policy("to-friends", { podSelector: isServer, ingress: [{ from: [isFriend] }] });

beforeAll(async () => {
  await applyObjects(lab(), [
    ...workloadObjects({
      ...{ name: "server", replicas: 2, nodePort, hostPort },
      ipFamilyPolicy: "RequireDualStack",
    }),
    ...workloadObjects({ name: "client", replicas: 2 }),
  ]);
  for (const name of ["server", "client"]) await waitForWorkload(lab(), name, 100);
  const byNode = (a: ClusterPod, b: ClusterPod) => a.node.localeCompare(b.node);
  servers.push(...(await workloadPods(lab(), "server")).toSorted(byNode));
  clients.push(...(await workloadPods(lab(), "client")).toSorted(byNode));
});

const inUrl = (address: string) => (address.includes(":") ? `[${address}]` : address);
const addresses = () => servers.flatMap((server) => server.addresses.map(inUrl));

/** What each client reaches, on both nodes and by both families. */
async function reached(): Promise<readonly string[]> {
  const answers = await Promise.all(
    clients.map(async (client) =>
      (await askAllFromPod(lab(), client, addresses())).flatMap((answer, at) =>
        answer === undefined ? [] : [`${client.name} ${addresses()[at]}`],
      ),
    ),
  );
  return answers.flat().sort();
}

const allOf = (pods: readonly ClusterPod[]) =>
  pods.flatMap(({ name }) => addresses().map((address) => `${name} ${address}`)).sort();

async function untilReached(pods: readonly ClusterPod[]): Promise<void> {
  const wanted = allOf(pods).join();
  await waitUntil(async () => (await reached()).join() === wanted, {
    what: `${pods.map(({ name }) => name).join(", ") || "nobody"} alone reaches the servers`,
    timeoutMs: 60_000,
  });
}

afterEach(async () => {
  await kubectl(lab(), ["delete", "networkpolicy", "--all"]);
  await untilReached(clients);
});

describe("policy-trace", () => policyTraceTests(lab, { clients, servers }));

test("a policy isolates its pods from pods of both nodes, and the node still reaches its own", async () => {
  expect(await reached()).toEqual(allOf(clients));
  await applyObjects(lab(), [denied]);
  await untilReached([]);
  for (const server of servers) {
    const node = nodeOf(lab(), server.node);
    for (const address of server.addresses)
      expect((await askFromNode(lab(), node, inUrl(address)))?.pod).toBe(server.name);
    expect(await metric(node, "headcni_network_policies", { state: "enforced" })).toBe(1);
    expect(await metric(node, "headcni_policy_isolated_addresses")).toBe(server.addresses.length);
  }
});

test("what a label allows follows the label", async () => {
  const [friend] = clients;
  if (friend === undefined) throw new Error("no client");
  await applyObjects(lab(), [denied, toFriends]);
  await untilReached([]);
  await kubectl(lab(), ["label", "pod", friend.name, "role=friend"]);
  await untilReached([friend]);
  await kubectl(lab(), ["label", "pod", friend.name, "role-"]);
  await untilReached([]);
});

test("an isolated pod reaches itself by its Service; node ports and host ports are judged as their pods", async () => {
  await applyObjects(lab(), [closed]);
  await untilReached([]);
  type Service = { readonly spec: { readonly clusterIPs: readonly string[] } };
  const { clusterIPs } = (await getJson<Service>(lab(), ["service", "server"])).spec;
  const hosts = clusterIPs.flatMap((address) => Array.from({ length: 10 }, () => inUrl(address)));
  for (const server of servers) {
    const answers = await askAllFromPod(lab(), server, hosts);
    // A request that kube-proxy leads to the other one is refused; its next segment is led anew, as the flow never began.
    const answering = answers.flatMap((answer) => answer?.pod ?? []);
    expect(new Set(answering)).toEqual(new Set([server.name]));
  }
  const doors = lab().nodes.flatMap(({ address }) => [`${address}:${nodePort}`, `${address}:${hostPort}`]);
  const answering = async () => {
    const answers = await Promise.all(doors.map((door) => askFromOutside(lab(), door)));
    return doors.filter((_, at) => answers[at] !== undefined);
  };
  expect(await answering()).toEqual([]);
  const outside = { from: [{ ipBlock: { cidr: "0.0.0.0/0" } }] };
  await applyObjects(lab(), [policy("from-outside", { podSelector: isServer, ingress: [outside] })]);
  await waitUntil(async () => (await answering()).length === doors.length, {
    what: "node ports and host ports lead to pods that an ipBlock opens",
    timeoutMs: 60_000,
  });
});

test("DNS is refused with all egress, and answers once it is allowed", async () => {
  const podSelector = { matchLabels: { app: "client" } };
  const finds = async () => {
    const found = await Promise.all(
      clients.map((client) =>
        execInClusterPod(lab(), client, ["timeout", "5", "nslookup", "server.default.svc.cluster.local"]),
      ),
    );
    return found.map(({ exitCode }) => exitCode === 0);
  };
  await applyObjects(lab(), [policy("mute", { podSelector, policyTypes: ["Egress"] })]);
  await untilReached([]);
  expect(await finds()).toEqual([false, false]);
  const dns = {
    to: [{ namespaceSelector: {}, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }],
    ports: [
      { port: 53, protocol: "UDP" },
      { port: 53, protocol: "TCP" },
    ],
  };
  await applyObjects(lab(), [policy("dns", { podSelector, egress: [dns] })]);
  await waitUntil(async () => (await finds()).every((found) => found), {
    what: "both clients find a name",
    timeoutMs: 60_000,
  });
  expect(await reached()).toEqual([]);
});

/** Opened once: their namespaces stay until the lab goes. */
const opened: { client: Pod; friend: Pod; server: Pod } = {} as never;

/** What came to a pod by its connections to the server of the lab's pods, so far. */
async function bytesReceived({ netns }: Pod): Promise<string> {
  const { stdout } = await runResult(inNetns(netns, ["ss", "-Htin", "dport", "=", ":8080"]));
  return [...stdout.matchAll(/bytes_received:(\d+)/g)].map(([, bytes]) => bytes).join();
}

test("a stream from an isolated pod ends, whatever its ends still send", async () => {
  const [first, second] = clients;
  const [server] = servers;
  if (first === undefined || second === undefined || server === undefined) throw new Error("no pods");
  opened.friend = await openClusterPod(lab(), first);
  opened.client = await openClusterPod(lab(), second);
  opened.server = await openClusterPod(lab(), server);
  await startPodServer(lab(), opened.server);
  const readers = [opened.friend, opened.client];
  const streams = await Promise.all(readers.map((reader) => startRead(reader, opened.server, 100_000)));
  onTestFinished(async () => {
    await Promise.all(streams.map((stream) => stream.stop()));
  });
  const flows = async () =>
    (await Promise.all(readers.map(bytesReceived))).map((bytes) => (bytes === "" ? "none" : bytes));
  const stands = async () => {
    const before = await flows();
    await delay(1_000);
    const after = await flows();
    return after.map((bytes, at) => bytes === before[at]);
  };
  expect(await stands()).toEqual([false, false]);
  await applyObjects(lab(), [denied]);
  await waitUntil(async () => (await stands()).every((standing) => standing), {
    what: "both streams stand still",
    timeoutMs: 30_000,
  });
  expect(await metric(nodeOf(lab(), server.node), "headcni_policy_flows_ended_total")).toBeGreaterThan(0);
});

test("daemons that are killed, an API server that is away and a table that another program deletes open nothing", async () => {
  const [friend] = clients;
  if (friend === undefined) throw new Error("no client");
  await applyObjects(lab(), [denied, toFriends]);
  await kubectl(lab(), ["label", "pod", friend.name, "role=friend"]);
  await untilReached([friend]);
  // Until then datagrams go by the relay, which may drop some when the direct path takes over.
  const direct = async () => (await peerPaths(lab())).every(({ path }) => path === "direct");
  await waitUntil(direct, { what: "the nodes have direct paths", timeoutMs: 60_000 });
  const allowed = await startProbe(opened.friend, opened.server.address, 20);
  const forbidden = await startProbe(opened.client, opened.server.address, 5);
  const restart = async () => {
    for (const { name } of lab().nodes) await killService(lab(), { name: "daemon", node: name });
    for (const { name } of lab().nodes) await startService(lab(), { name: "daemon", node: name });
    for (const node of lab().nodes)
      await waitUntil(async () => (await readyPage(node))?.serving === true, {
        what: `the daemon of ${node.name} serves`,
        timeoutMs: 60_000,
      });
  };
  await restart();
  await killService(lab(), { name: "kube-apiserver" });
  await restart();
  const enforced = async () =>
    await Promise.all(lab().nodes.map((node) => metric(node, "headcni_network_policies")));
  await waitUntil(async () => (await enforced()).every((count) => count === 2), {
    what: "both daemons enforce what they remember",
    timeoutMs: 60_000,
  });
  await startService(lab(), { name: "kube-apiserver" });
  await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
  const [heard, unheard] = [await allowed.stop(), await forbidden.stop()];
  expect(heard).toEqual({ ...heard, received: heard.sent });
  expect(unheard).toMatchObject({ received: 0 });
  const { netns } = nodeOf(lab(), opened.server.node);
  const table = ["nft", "list", "chains", "inet"] as const;
  await run(inNetns(netns, ["nft", "delete", "table", "inet", "headcni_policy"]));
  await waitUntil(async () => (await run(inNetns(netns, table))).includes("table inet headcni_policy"), {
    what: "the table of policies is there again",
    timeoutMs: 10_000,
  });
  await untilReached([friend]);
}, 300_000);

test("a pod that is isolated from its birth never gets a packet out, while daemons are killed, too", async () => {
  const eager = { app: "eager" };
  await applyObjects(lab(), [
    policy("silent", { podSelector: { matchLabels: eager }, policyTypes: ["Ingress", "Egress"] }),
  ]);
  const [deployment] = workloadObjects({ name: "eager", replicas: 6 }) as [
    { spec: { template: { spec: { containers: [{ readinessProbe: unknown; command: unknown }] } } } },
  ];
  const [container] = deployment.spec.template.spec.containers;
  const [target] = addresses();
  // The first is sent as soon as there is a process.
  const script = `ping -c 100 -i 0.02 -W 1 ${target}; echo over; exec sleep 1000`;
  Object.assign(container, { command: ["sh", "-c", script], readinessProbe: undefined });
  await applyObjects(lab(), [deployment]);
  for (const { name } of lab().nodes) {
    await killService(lab(), { name: "daemon", node: name });
    await startService(lab(), { name: "daemon", node: name });
  }
  await waitForWorkload(lab(), "eager", 110);
  const logs = async () =>
    await Promise.all((await workloadPods(lab(), "eager")).map(({ name }) => kubectl(lab(), ["logs", name])));
  await waitUntil(async () => (await logs()).every((log) => log.includes("over")), {
    what: "all have sent",
    timeoutMs: 60_000,
  });
  const sent = (await logs()).map((log) => /\d+ packets transmitted, \d+ packets received/.exec(log)?.[0]);
  expect(sent).toEqual(Array.from({ length: 6 }, () => "100 packets transmitted, 0 packets received"));
}, 300_000);
