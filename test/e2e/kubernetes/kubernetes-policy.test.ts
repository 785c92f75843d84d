import { beforeAll, expect, test } from "vitest";
import { applyObjects, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import {
  type ClusterPod,
  waitForWorkload,
  workloadObjects,
  workloadPods,
} from "../../lab/kubernetes/workload/workload.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { askFromNode, askFromPod } from "../support/traffic/ask-who.ts";
import { useLab } from "../support/use-lab.ts";
import { metric } from "../support/views/daemon-view.ts";

/** Kubernetes' own tests say what policies mean (npm run test:conformance -- --network-policy). */
const lab = useLab({ nodes: 2, kubernetes: { network: "chart", proxyMode: "nftables" } });
const servers: ClusterPod[] = [];
const clients: ClusterPod[] = [];

const policy = (name: string, spec: object) => ({
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec },
});
const denied = policy("denied", {
  podSelector: { matchLabels: { app: "server" } },
  policyTypes: ["Ingress"],
});
const allowed = policy("allowed", {
  podSelector: { matchLabels: { app: "server" } },
  ingress: [{ from: [{ podSelector: { matchLabels: { role: "friend" } } }], ports: [{ port: 80 }] }],
});

beforeAll(async () => {
  for (const name of ["server", "client"]) await applyObjects(lab(), workloadObjects({ name, replicas: 2 }));
  for (const name of ["server", "client"]) await waitForWorkload(lab(), name);
  servers.push(...(await workloadPods(lab(), "server")));
  clients.push(...(await workloadPods(lab(), "client")));
});

/** Whom each client reaches, by name: on its own node and on the other. */
async function reached(): Promise<readonly string[]> {
  const answers = await Promise.all(
    clients.flatMap((client) =>
      servers.map(async ({ name, address }) => {
        const answer = await askFromPod(lab(), client, `${address}:80`);
        return answer === undefined ? [] : [`${client.name} ${name}`];
      }),
    ),
  );
  return answers.flat().sort();
}

const all = () => clients.flatMap(({ name }) => servers.map((server) => `${name} ${server.name}`)).sort();

test("a policy isolates its pods from pods of both nodes, and the node still reaches its own", async () => {
  expect(await reached()).toEqual(all());
  await applyObjects(lab(), [denied]);
  await waitUntil(async () => (await reached()).length === 0, {
    what: "nobody reaches a server",
    timeoutMs: 60_000,
  });
  for (const { node, name, address } of servers) {
    const answer = await askFromNode(lab(), nodeOf(lab(), node), `${address}:80`);
    expect(answer?.pod).toBe(name);
    expect(await metric(nodeOf(lab(), node), "headcni_network_policies", { state: "enforced" })).toBe(1);
  }
});

test("what a label allows follows the label", async () => {
  const [friend] = clients;
  await applyObjects(lab(), [allowed]);
  await kubectl(lab(), ["label", "pod", friend?.name ?? "", "role=friend"]);
  const expected = servers.map(({ name }) => `${friend?.name} ${name}`).sort();
  await waitUntil(async () => (await reached()).join() === expected.join(), {
    what: "the friend alone reaches servers",
    timeoutMs: 60_000,
  });
  await kubectl(lab(), ["label", "pod", friend?.name ?? "", "role-"]);
  await waitUntil(async () => (await reached()).length === 0, {
    what: "nobody reaches a server again",
    timeoutMs: 60_000,
  });
  await kubectl(lab(), ["delete", "networkpolicy", "denied", "allowed"]);
  await waitUntil(async () => (await reached()).length === all().length, {
    what: "everybody reaches all",
    timeoutMs: 60_000,
  });
});
