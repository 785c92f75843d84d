import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { applyObjects, getJson, kubectl, kubectlCommand } from "../lab/kubernetes/kubectl.ts";
import {
  type ClusterPod,
  execInClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../lab/kubernetes/workload.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { startProcess } from "../lab/processes.ts";
import { waitUntil } from "../lab/wait-until.ts";
import * as who from "./support/ask-who.ts";
import { useLab } from "./support/use-lab.ts";

const nodePort = 30080;
const hostPort = 8080;

const lab = useLab({ nodes: 2, kubernetes: { network: "chart", proxyMode: "nftables" } });
const pods: ClusterPod[] = [];

beforeAll(async () => {
  await applyObjects(lab(), [
    ...workloadObjects({ name: "who", replicas: 4, nodePort }),
    ...workloadObjects({ name: "at-host", replicas: 2, hostPort }),
  ]);
  await waitForWorkload(lab(), "who");
  await waitForWorkload(lab(), "at-host");
  pods.push(...(await workloadPods(lab(), "who")));
});

const askFromPod = (pod: ClusterPod, host: string) => who.askFromPod(lab(), pod, host);
const askFromNode = (node: LabNode, host: string) => who.askFromNode(lab(), node, host);
const askFromOutside = (host: string) => who.askFromOutside(lab(), host);

const podNames = () => pods.map(({ name }) => name);

const serviceAddress = async () =>
  (await getJson<{ readonly spec: { readonly clusterIP: string } }>(lab(), ["service", "who"])).spec
    .clusterIP;

test("every node is Ready with the pod CIDR that its pods are of", async () => {
  expect(pods.map(({ node }) => node).sort()).toEqual(["n1", "n1", "n2", "n2"]);
  for (const { name, podCIDR } of lab().nodes) {
    const node = await getJson<{ readonly spec: { readonly podCIDR: string } }>(lab(), ["node", name]);
    expect(node.spec.podCIDR).toBe(podCIDR);
    const prefix = podCIDR.replace(/0\/24$/, "");
    const own = pods.filter((pod) => pod.node === name).map(({ address }) => address);
    expect(own.filter((address) => !address.startsWith(prefix))).toEqual([]);
  }
});

test("pods ping and ask each other on one node and across nodes, each seen with its own address", async () => {
  for (const from of pods) {
    for (const to of pods) {
      const ping = await execInClusterPod(lab(), from, ["ping", "-c", "1", "-W", "2", to.address]);
      expect(ping).toMatchObject({ exitCode: 0 });
      expect(await askFromPod(from, to.address)).toEqual({ pod: to.name, source: from.address });
    }
  }
});

test("a Service answers pods and nodes, whichever pod it chooses", async () => {
  const address = await serviceAddress();
  for (const pod of pods) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => askFromPod(pod, address)));
    expect(answers.map((answer) => podNames().includes(answer?.pod ?? ""))).toEqual(answers.map(() => true));
  }
  for (const node of lab().nodes) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => askFromNode(node, address)));
    const answered = new Set(answers.map((answer) => answer?.pod));
    // 20 of 4: that one node's pods are all chosen happens once in a million.
    expect([...answered].filter((name) => name !== undefined && podNames().includes(name)).length).toBe(
      answered.size,
    );
    expect(new Set(pods.filter(({ name }) => answered.has(name)).map((pod) => pod.node)).size).toBe(2);
  }
});

test("a pod reaches itself through its Service", async () => {
  const address = await serviceAddress();
  const [pod] = pods;
  if (pod === undefined) throw new Error("no pod");
  const itself = async () => (await askFromPod(pod, address))?.pod === pod.name;
  await waitUntil(itself, { what: "the Service chooses the pod itself", timeoutMs: 60_000 });
});

test("NodePort and hostPort answer outside on every node", async () => {
  const atHost = await workloadPods(lab(), "at-host");
  for (const { name, address } of lab().nodes) {
    expect(podNames()).toContain((await askFromOutside(`${address}:${nodePort}`))?.pod);
    const own = atHost.find(({ node }) => node === name);
    expect((await askFromOutside(`${address}:${hostPort}`))?.pod).toBe(own?.name);
  }
});

test("pods find a Service by its name", async () => {
  const address = await serviceAddress();
  for (const pod of pods) {
    const { stdout } = await execInClusterPod(lab(), pod, ["nslookup", "who.default.svc.cluster.local"]);
    expect(stdout).toContain(`Address: ${address}`);
    expect(podNames()).toContain((await askFromPod(pod, "who"))?.pod);
  }
});

test("pods find a name outside of the cluster through CoreDNS", async () => {
  const program = join(import.meta.dirname, "..", "lab", "traffic", "name-server.ts");
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
async function askThroughPortForward(pod: ClusterPod): Promise<who.Answer> {
  const [program, ...args] = kubectlCommand(lab(), ["port-forward", `pod/${pod.name}`, ":80"]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const output = { text: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.text += text;
    });
    const port = () => /^Forwarding from 127\.0\.0\.1:(\d+)/m.exec(output.text)?.[1];
    const forwarded = await waitUntil(port, { what: "kubectl forwards a port", timeoutMs: 60_000 });
    return await askFromOutside(`127.0.0.1:${forwarded}`);
  } finally {
    child.kill("SIGTERM");
  }
}

test("a pod's traffic to the outside carries its node's address", async () => {
  const folder = join(lab().folder, "outside");
  await mkdir(join(folder, "cgi-bin"), { recursive: true });
  const answer = '#!/bin/sh\nprintf "\\noutside %s\\n" "$REMOTE_ADDR"\n';
  await writeFile(join(folder, "cgi-bin", "who"), answer, { mode: 0o755 });
  await startProcess(lab().processFolder, {
    name: "outside",
    netns: lab().netns,
    command: ["busybox", "httpd", "-f", "-p", "8081", "-h", folder],
    env: {},
    logFile: join(lab().folder, "outside.log"),
  });
  for (const pod of pods) {
    const asked = () => askFromPod(pod, "10.99.0.1:8081");
    const seen = await waitUntil(asked, { what: "the outside answers", timeoutMs: 30_000 });
    expect(seen.source).toBe(nodeOf(lab(), pod.node).address);
  }
});
