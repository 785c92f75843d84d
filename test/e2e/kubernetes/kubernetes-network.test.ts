import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { containsAddress, parsePrefix } from "../../../src/domain/addresses/prefix.ts";
import { withNeighbour } from "../../lab/attacks/tools/through-node.ts";
import { sceneOf } from "../../lab/attacks/try-attack.ts";
import { clusterOf } from "../../lab/kubernetes/cluster.ts";
import {
  applyObjects,
  getJson,
  kubectl,
  kubectlCommand,
} from "../../lab/kubernetes/control-plane/kubectl.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import { nodeTraces } from "../../lab/kubernetes/node/node-traces.ts";
import { endCrowd, startCrowd } from "../../lab/kubernetes/workload/pod-crowd.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { captureUnderlay } from "../../lab/network/capture.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { bridgeAddress, bridgeAddress6 } from "../../lab/network/underlay.ts";
import { startProcess } from "../../lab/processes/processes.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import {
  type Answer,
  askAllFromNode,
  askAllFromPod,
  askFromNode,
  askFromOutside,
  askFromPod,
} from "../support/traffic/ask-who.ts";
import {
  applyInner,
  type Entrance,
  entrancesBy,
  inner,
  outerPrefixes,
} from "../support/traffic/entrances.ts";
import { useLab } from "../support/use-lab.ts";
import { metric } from "../support/views/daemon-view.ts";

const nodePort = 30080;
const hostPort = 8080;

/** Kubernetes' own tests (test/conformance) do most of this with IPv4 alone. */
const lab = useLab({
  nodes: 2,
  families: [4, 6],
  kubernetes: { network: "chart", proxyMode: "nftables" },
  config: { "ipam.restSeconds": 1 },
});
const pods: ClusterPod[] = [];

beforeAll(async () => {
  const service = (name: string, spec: object) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: "who" }, ports: [{ port: 80 }], ...spec },
  });
  await applyObjects(lab(), [
    ...workloadObjects({ name: "who", replicas: 4, nodePort, ipFamilyPolicy: "RequireDualStack" }),
    ...workloadObjects({ name: "at-host", replicas: 2, hostPort }),
    service("prefers", { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6"] }),
    service("alone", { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"] }),
  ]);
  await applyInner(lab());
  await waitForWorkload(lab(), "who");
  await waitForWorkload(lab(), "at-host");
  await waitForWorkload(lab(), inner.name);
  pods.push(...(await workloadPods(lab(), "who")));
});

const podNames = () => pods.map(({ name }) => name);
const inUrl = (address: string) => (address.includes(":") ? `[${address}]` : address);

async function serviceAddresses(name: string): Promise<readonly string[]> {
  type Service = { readonly spec: { readonly clusterIPs: readonly string[] } };
  return (await getJson<Service>(lab(), ["service", name])).spec.clusterIPs;
}

test("every node has a pod CIDR of both families, and its pods an address out of each", async () => {
  expect(pods.map(({ node }) => node).sort()).toEqual(["n1", "n1", "n2", "n2"]);
  for (const { name, podCIDRs } of lab().nodes) {
    type Node = { readonly spec: { readonly podCIDRs: readonly string[] } };
    expect((await getJson<Node>(lab(), ["node", name])).spec.podCIDRs).toEqual(podCIDRs);
    for (const { addresses } of pods.filter((pod) => pod.node === name))
      expect(
        podCIDRs.map((cidr, index) => containsAddress(parsePrefix(cidr), addresses[index] ?? "")),
      ).toEqual([true, true]);
  }
});

test("pods ping and ask each other by both addresses, each seen with its own, nothing of it unencrypted", async () => {
  const capture = await captureUnderlay(lab());
  const targets = pods.flatMap(({ name, addresses }) =>
    addresses.map((address, family) => ({ pod: name, address, family })),
  );
  const addresses = targets.map(({ address }) => address);
  for (const from of pods) {
    const pingAll = ["sh", "-c", 'for to in "$@"; do ping -c 1 -W 2 "$to" || exit 1; done', "sh"];
    expect(await execInClusterPod(lab(), from, [...pingAll, ...addresses])).toMatchObject({ exitCode: 0 });
    expect(await askAllFromPod(lab(), from, addresses.map(inUrl))).toEqual(
      targets.map(({ pod, family }) => ({ pod, source: from.addresses[family] })),
    );
  }
  expect(await capture.stop("net 10.244.0.0/16 or net fd00:10:244::/48")).toEqual([]);
});

test.each([
  { service: "who", families: [4, 6] },
  { service: "prefers", families: [6, 4] },
  { service: "alone", families: [6] },
])(
  "the Service $service has addresses of the families $families and answers on each, pods and nodes",
  async ({ service, families }) => {
    const addresses = await serviceAddresses(service);
    expect(addresses.map((address) => (address.includes(":") ? 6 : 4))).toEqual(families);
    const hosts = addresses.map(inUrl).flatMap((host) => Array.from({ length: 8 }, () => host));
    const asked = [
      ...pods.map((pod) => () => askAllFromPod(lab(), pod, hosts)),
      ...lab().nodes.map((node) => () => askAllFromNode(lab(), node, hosts)),
    ];
    for (const ask of asked) {
      const answers = await ask();
      expect(answers.map((answer) => podNames().includes(answer?.pod ?? ""))).toEqual(hosts.map(() => true));
    }
  },
);

test("a node's requests to a Service go to pods of both nodes", async () => {
  const [address = ""] = await serviceAddresses("who");
  for (const node of lab().nodes) {
    const answers = await askAllFromNode(
      lab(),
      node,
      Array.from({ length: 20 }, () => address),
    );
    const answered = new Set(answers.map((answer) => answer?.pod));
    // 20 of 4: that one node's pods are all chosen happens once in a million.
    expect(new Set(pods.filter(({ name }) => answered.has(name)).map((pod) => pod.node)).size).toBe(2);
  }
});

test("a pod reaches itself through its Service", async () => {
  const [pod] = pods;
  if (pod === undefined) throw new Error("no pod");
  for (const address of (await serviceAddresses("who")).map(inUrl)) {
    const itself = async () => (await askFromPod(lab(), pod, address))?.pod === pod.name;
    await waitUntil(itself, { what: `${address} leads to the pod itself`, timeoutMs: 60_000 });
  }
});

test("NodePort and hostPort answer outside on both addresses of every node", async () => {
  const atHost = await workloadPods(lab(), "at-host");
  for (const { name, address, address6 = "" } of lab().nodes)
    for (const host of [address, address6].map(inUrl)) {
      expect(podNames()).toContain((await askFromOutside(lab(), `${host}:${nodePort}`))?.pod);
      const own = atHost.find(({ node }) => node === name);
      expect((await askFromOutside(lab(), `${host}:${hostPort}`))?.pod).toBe(own?.name);
    }
});

test("a host of the underlay reaches node ports and host ports, but pods and Services only where it is named", async () => {
  const podAddresses = pods.flatMap(({ addresses }) => addresses).map(inUrl);
  const asked = [...podAddresses, ...(await serviceAddresses("who")).map(inUrl)];
  for (const node of lab().nodes)
    await withNeighbour(sceneOf(lab(), node.name), async (stranger) => {
      for (const host of [node.address, node.address6 ?? ""].map(inUrl))
        for (const port of [nodePort, hostPort])
          expect(await askFromOutside(stranger, `${host}:${port}`)).toBeDefined();
      await stranger.route([...lab().supernets, ...clusterOf(lab()).serviceCIDRs]);
      const answers = await Promise.all(asked.map((host) => askFromOutside(stranger, host)));
      expect(answers.filter((answer) => answer !== undefined)).toEqual([]);
    });
  // The API server's host is named.
  for (const host of podAddresses) expect(await askFromOutside(lab(), host)).toBeDefined();
});

/** The pod of the workload that has one, and whether an entrance by a node leads to it. */
async function innerPod() {
  const [pod] = await workloadPods(lab(), inner.name);
  if (pod === undefined) throw new Error("no pod");
  const leadsTo = ({ policy }: Entrance, node: LabNode) => policy === "Cluster" || node.name === pod.node;
  return { pod, leadsTo };
}

test("NodePort, hostPort, external and load balancer addresses lead a host of the underlay to a pod by every node; with the policy Local by the pod's own alone, and the pod sees the host", async () => {
  const { pod, leadsTo } = await innerPod();
  const capture = await captureUnderlay(lab());
  for (const node of lab().nodes)
    await withNeighbour(sceneOf(lab(), node.name), async (stranger) => {
      await stranger.route(outerPrefixes);
      const answers = await askBy(entrancesBy(node), {
        ask: (host) => askFromOutside(stranger, host),
        leads: (entrance) => leadsTo(entrance, node),
      });
      for (const { entrance, answer } of answers) {
        // kube-proxy masquerades what it may send to another node.
        const asItself = answer !== undefined && stranger.addresses.includes(answer.source);
        expect({ ...entrance, pod: answer?.pod, asItself }).toEqual({
          ...entrance,
          pod: leadsTo(entrance, node) ? pod.name : undefined,
          asItself: entrance.policy === "Local" && leadsTo(entrance, node),
        });
      }
    });
  expect(await capture.stop("net 10.244.0.0/16 or net fd00:10:244::/48")).toEqual([]);
});

test("the same lead another node to the pod", async () => {
  const { pod, leadsTo } = await innerPod();
  const ofNode = async (node: LabNode) => {
    const { other } = sceneOf(lab(), node.name);
    // kube-proxy sends a node's own requests to a Service's addresses to all pods, whatever the policy.
    const leads = (entrance: Entrance) => !entrance.atNode || leadsTo(entrance, node);
    const answers = await askBy(entrancesBy(node), { ask: (host) => askFromNode(lab(), other, host), leads });
    for (const { entrance, answer } of answers)
      expect({ ...entrance, pod: answer?.pod }).toEqual({
        ...entrance,
        pod: leads(entrance) ? pod.name : undefined,
      });
  };
  await Promise.all(lab().nodes.map(ofNode));
});

/** Asks by each entrance at once: until an answer where it leads to the pod, for kube-proxy may be late, and once where it does not. */
async function askBy(
  entrances: readonly Entrance[],
  { ask, leads }: { ask: (host: string) => Promise<Answer>; leads: (entrance: Entrance) => boolean },
) {
  return await Promise.all(
    entrances.map(async (entrance) => {
      const answer = leads(entrance)
        ? await waitUntil(() => ask(entrance.host), {
            what: `${entrance.what} answers at ${entrance.host}`,
            timeoutMs: 30_000,
          })
        : await ask(entrance.host);
      return { entrance, answer };
    }),
  );
}

test("pods find both addresses of a Service by its name", async () => {
  const addresses = await serviceAddresses("who");
  for (const pod of pods) {
    const { stdout } = await execInClusterPod(lab(), pod, ["nslookup", "who.default.svc.cluster.local"]);
    for (const address of addresses) expect(stdout).toContain(`Address: ${address}`);
    expect(podNames()).toContain((await askFromPod(lab(), pod, "who"))?.pod);
  }
});

test("pods find a name outside of the cluster through CoreDNS", async () => {
  const program = join(import.meta.dirname, "..", "..", "lab", "traffic", "name-server.ts");
  await startProcess(lab().processFolder, {
    name: "name-server",
    netns: lab().netns,
    command: [process.execPath, program, "outside.example", "192.0.2.7"],
    env: {},
    logFile: join(lab().folder, "name-server.log"),
  });
  for (const pod of pods) {
    const found = async () => {
      const { stdout } = await execInClusterPod(lab(), pod, ["nslookup", "outside.example."]);
      return stdout.includes("Address: 192.0.2.7");
    };
    // CoreDNS has held the server for dead until now.
    await waitUntil(found, { what: `${pod.name} finds the name`, timeoutMs: 60_000 });
  }
});

test("kubectl exec, logs and port-forward reach pods of every node", async () => {
  for (const { name } of lab().nodes) {
    const pod = pods.find(({ node }) => node === name);
    if (pod === undefined) throw new Error(`no pod on ${name}`);
    await execInClusterPod(lab(), pod, ["sh", "-c", `echo said on ${name} >/proc/1/fd/1`]);
    const logged = async () => (await kubectl(lab(), ["logs", pod.name])).includes(`said on ${name}`);
    await waitUntil(logged, { what: `the log of ${pod.name}`, timeoutMs: 30_000 });
    expect((await askThroughPortForward(pod))?.pod).toBe(pod.name);
  }
});

/** Asks a pod through a port that kubectl forwards to it. */
async function askThroughPortForward(pod: ClusterPod): Promise<Answer> {
  const [program, ...args] = kubectlCommand(lab(), ["port-forward", `pod/${pod.name}`, ":80"]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const output = { text: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.text += text;
    });
    const port = () => /^Forwarding from 127\.0\.0\.1:(\d+)/m.exec(output.text)?.[1];
    const forwarded = await waitUntil(port, { what: "kubectl forwards a port", timeoutMs: 60_000 });
    return await askFromOutside(lab(), `127.0.0.1:${forwarded}`);
  } finally {
    child.kill("SIGTERM");
  }
}

test("nodes reach pods of every node by IPv6", async () => {
  for (const node of lab().nodes)
    for (const { addresses } of pods) {
      const ping = await inNode(lab(), node, ["ping", "-c", "1", "-W", "2", addresses[1] ?? ""]);
      expect(await runResult(ping)).toMatchObject({ exitCode: 0 });
    }
});

test("a pod's traffic to the outside carries its node's address of the same family", async () => {
  const folder = join(lab().folder, "outside");
  await mkdir(join(folder, "cgi-bin"), { recursive: true });
  const answer = '#!/bin/sh\nprintf "\\noutside %s\\n" "$REMOTE_ADDR"\n';
  await writeFile(join(folder, "cgi-bin", "who"), answer, { mode: 0o755 });
  await startProcess(lab().processFolder, {
    name: "outside",
    netns: lab().netns,
    command: ["busybox", "httpd", "-f", "-p", "[::]:8081", "-h", folder],
    env: {},
    logFile: join(lab().folder, "outside.log"),
  });
  for (const pod of pods) {
    const { address, address6 } = nodeOf(lab(), pod.node);
    for (const [outside, source] of [
      [bridgeAddress, address],
      [`[${bridgeAddress6}]`, address6],
    ]) {
      const asked = () => askFromPod(lab(), pod, `${outside}:8081`);
      const seen = await waitUntil(asked, { what: `${outside} answers`, timeoutMs: 30_000 });
      expect(seen.source).toBe(source);
    }
  }
});

/** Without containers: kubelet looks once a minute for sandboxes that it can remove, long after their network is gone. */
const traces = async () =>
  await Promise.all(
    lab().nodes.map(async (node) => {
      const { containers: _, ...network } = await nodeTraces(lab(), node);
      const rules = await run(inNetns(node.netns, ["nft", "list", "table", "inet", "headcni"]));
      return { ...network, rules, addresses: await metric(node, "headcni_ip_pool_used") };
    }),
  );

test("10 pods per node come and go at once, and leave nothing", async () => {
  const before = await traces();
  const crowd = { name: "crowd", nodes: lab().nodes, perNode: 10 };
  await startCrowd(lab(), crowd);
  const meanwhile = await traces();
  expect(meanwhile.map(({ addresses }) => addresses)).toEqual(
    before.map(({ addresses }) => addresses + 2 * 10),
  );
  expect(meanwhile.map(({ routes }) => routes.length)).toEqual(
    before.map(({ routes }) => routes.length + 10),
  );
  // No pod has a rule of its own.
  expect(meanwhile.map(({ rules }) => rules)).toEqual(before.map(({ rules }) => rules));
  await endCrowd(lab(), crowd);
  // The API server forgets a pod before the runtime is done with its sandbox, and addresses rest for a second.
  await waitUntil(async () => JSON.stringify(await traces()) === JSON.stringify(before), {
    what: "the nodes keep nothing more than before",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: async () => `before ${JSON.stringify(before)}, now ${JSON.stringify(await traces())}`,
  });
});
