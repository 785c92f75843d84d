import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { containsAddress, parsePrefix } from "../../src/domain/prefix.ts";
import { captureUnderlay } from "../lab/capture.ts";
import { applyObjects, getJson } from "../lab/kubernetes/kubectl.ts";
import { inNode } from "../lab/kubernetes/node-machine.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../lab/kubernetes/workload.ts";
import { nodeOf } from "../lab/lab-store.ts";
import { startProcess } from "../lab/processes.ts";
import { runResult } from "../lab/run-command.ts";
import { bridgeAddress6 } from "../lab/underlay.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { askFromNode, askFromOutside, askFromPod } from "./support/ask-who.ts";
import { useLab } from "./support/use-lab.ts";

const nodePort = 30080;
const hostPort = 8080;

const lab = useLab({ nodes: 2, families: [4, 6], kubernetes: { network: "chart", proxyMode: "nftables" } });
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
  await waitForWorkload(lab(), "who");
  await waitForWorkload(lab(), "at-host");
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

test("pods ping and ask each other by both addresses, each seen with its own, nothing of it in clear", async () => {
  const capture = await captureUnderlay(lab());
  for (const from of pods)
    for (const to of pods)
      for (const [index, address] of to.addresses.entries()) {
        const ping = await execInClusterPod(lab(), from, ["ping", "-c", "1", "-W", "2", address]);
        expect(ping).toMatchObject({ exitCode: 0 });
        expect(await askFromPod(lab(), from, inUrl(address))).toEqual({
          pod: to.name,
          source: from.addresses[index],
        });
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
    for (const address of addresses.map(inUrl)) {
      const asked = [
        ...pods.map((pod) => () => askFromPod(lab(), pod, address)),
        ...lab().nodes.map((node) => () => askFromNode(lab(), node, address)),
      ];
      for (const ask of asked) {
        const answers = await Promise.all(Array.from({ length: 8 }, ask));
        expect(answers.map((answer) => podNames().includes(answer?.pod ?? ""))).toEqual(
          answers.map(() => true),
        );
      }
    }
  },
);

test("NodePort and hostPort answer outside on both addresses of every node", async () => {
  const atHost = await workloadPods(lab(), "at-host");
  for (const { name, address, address6 = "" } of lab().nodes)
    for (const host of [address, address6].map(inUrl)) {
      expect(podNames()).toContain((await askFromOutside(lab(), `${host}:${nodePort}`))?.pod);
      const own = atHost.find(({ node }) => node === name);
      expect((await askFromOutside(lab(), `${host}:${hostPort}`))?.pod).toBe(own?.name);
    }
});

test("pods find both addresses of a Service by its name", async () => {
  const addresses = await serviceAddresses("who");
  for (const pod of pods) {
    const { stdout } = await execInClusterPod(lab(), pod, ["nslookup", "who.default.svc.cluster.local"]);
    for (const address of addresses) expect(stdout).toContain(`Address: ${address}`);
  }
});

test("nodes reach pods of every node by IPv6", async () => {
  for (const node of lab().nodes)
    for (const { addresses } of pods) {
      const ping = await inNode(lab(), node, ["ping", "-c", "1", "-W", "2", addresses[1] ?? ""]);
      expect(await runResult(ping)).toMatchObject({ exitCode: 0 });
    }
});

test("a pod's traffic to the outside carries its node's IPv6 address", async () => {
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
    const asked = () => askFromPod(lab(), pod, `[${bridgeAddress6}]:8081`);
    const seen = await waitUntil(asked, { what: "the outside answers", timeoutMs: 30_000 });
    expect(seen.source).toBe(nodeOf(lab(), pod.node).address6);
  }
});
