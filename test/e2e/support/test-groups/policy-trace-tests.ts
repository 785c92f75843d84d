import { beforeAll, expect, test } from "vitest";
import { provideCtl } from "../../../lab/build/tools.ts";
import { clusterOf } from "../../../lab/kubernetes/cluster.ts";
import { applyObjects, getJson, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { release } from "../../../lab/kubernetes/install/helm.ts";
import type { ClusterPod } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import { runResult } from "../../../lab/run-command.ts";
import { killService, startService } from "../../../lab/services.ts";
import { waitUntil } from "../../../lab/wait-until.ts";

/** A client and a server on each node, n1 first. */
export interface TracedPods {
  readonly clients: readonly ClusterPod[];
  readonly servers: readonly ClusterPod[];
}

const isServer = { matchLabels: { app: "server" } };
const policy = (name: string, spec: object) => ({
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec },
});

/** headcnictl policy-trace beside a cluster: what it says is what the nodes have in force. */
export function policyTraceTests(lab: () => Lab, { clients, servers }: TracedPods): void {
  const bundle = { program: "" };
  beforeAll(async () => {
    bundle.program = await provideCtl(lab().folder);
  });

  function headcnictl(...words: readonly string[]) {
    const { kubeconfig } = clusterOf(lab());
    const command = [process.execPath, bundle.program, "--kubeconfig", kubeconfig, ...words] as const;
    return runResult(inNetns(lab().netns, command), { timeoutMs: 180_000 });
  }

  async function trace(from: string, to: string, port: string) {
    const { stdout, exitCode } = await headcnictl("policy-trace", from, to, port, "-o", "json");
    return { exitCode, ...JSON.parse(stdout) };
  }

  /** Until what was applied is in force on both nodes. */
  async function untilTraced(verdict: string, from: string, to: string, port: string) {
    let said: unknown;
    return await waitUntil(
      async () => {
        const document = await trace(from, to, port);
        said = document;
        return document.verdict === verdict ? document : undefined;
      },
      { what: `the flow is ${verdict}`, timeoutMs: 30_000, explain: () => JSON.stringify(said) },
    );
  }

  const nameOf = (pod: ClusterPod | undefined) => `default/${pod?.name}`;
  const [client, otherClient] = [() => nameOf(clients[0]), () => nameOf(clients[1])];
  const [server, otherServer] = [() => nameOf(servers[0]), () => nameOf(servers[1])];

  test("policy-trace asks both ends' nodes, and without a policy all is allowed", async () => {
    for (const [from, to, nodes] of [
      [client(), otherServer(), ["n1", "n2"]],
      [otherClient(), server(), ["n2", "n1"]],
      [client(), server(), ["n1", "n1"]],
    ] as const)
      expect(await trace(from, to, "80")).toMatchObject({
        ...{ exitCode: 0, kind: "PolicyTrace", verdict: "allowed", problems: [] },
        egress: { node: nodes[0], told: true, because: "notIsolated" },
        ingress: { node: nodes[1], told: true, because: "notIsolated" },
      });
  });

  test("policy-trace names the policy that denies, the one that allows, and what does not match", async () => {
    await applyObjects(lab(), [policy("denied", { podSelector: isServer, policyTypes: ["Ingress"] })]);
    expect(await untilTraced("denied", client(), otherServer(), "80")).toMatchObject({
      ...{ exitCode: 1, egress: { allowed: true } },
      ingress: { allowed: false, node: "n2", policies: [{ policy: "default/denied", rules: [] }] },
    });
    const from = [{ podSelector: { matchLabels: { app: "client" } } }];
    const ports = [{ port: "web" }];
    await applyObjects(lab(), [policy("to-clients", { podSelector: isServer, ingress: [{ from, ports }] })]);
    const named = servers[1];
    expect(await untilTraced("allowed", client(), named?.addresses[0] ?? "", "web")).toMatchObject({
      ...{ exitCode: 0, flow: { protocol: "TCP", port: 80, destination: { pod: nameOf(named) } } },
      ingress: { because: "allowed" },
    });
    const ran = await headcnictl("policy-trace", client(), otherServer(), "81");
    expect(ran).toMatchObject({ exitCode: 1, stderr: expect.not.stringContaining("headcnictl:") });
    for (const part of ["denied: ", "default/to-clients: isolates: ingress[0] has other ports"])
      expect(ran.stdout).toContain(part);
    for (const line of ran.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  test("policy-trace judges a pod in its node's network as its node's router address elsewhere", async () => {
    await applyObjects(lab(), [policy("denied", { podSelector: isServer, policyTypes: ["Ingress"] })]);
    type Pods = { readonly items: readonly { metadata: { name: string }; spec: { nodeName: string } }[] };
    const { namespace } = release;
    const { items } = await getJson<Pods>(lab(), [
      "pods",
      "-n",
      namespace,
      "-l",
      "app.kubernetes.io/component=daemon",
    ]);
    const agent = items.find(({ spec }) => spec.nodeName === "n1")?.metadata.name;
    const from = `${namespace}/${agent}`;
    expect(await untilTraced("denied", from, otherServer(), "80")).toMatchObject({
      flow: { source: { pod: from, hostNetwork: true, address: expect.stringMatching(/\.1$/), node: null } },
      ...{ egress: { because: "noPod" }, ingress: { node: "n2", because: "notAllowed" } },
    });
    expect(await trace(from, server(), "80")).toMatchObject({
      ...{ exitCode: 0, ingress: { node: "n1", because: "ownNode" } },
    });
  });

  test("policy-trace says what is wrong with a question, and what would be right", async () => {
    const unknown = await headcnictl("policy-trace", `${client()}x`, server(), "80");
    expect(unknown).toMatchObject({ exitCode: 2 });
    expect(unknown.stdout.replace(/\s+/g, " ")).toContain(
      `knows no pod ${client()}x; did you mean ${client()}?`,
    );
    expect(await trace(client(), server(), "nowhere")).toMatchObject({
      ...{ exitCode: 2, verdict: "unknown", problems: [{ code: "NO_SUCH_PORT", known: ["web (80/TCP)"] }] },
    });
    expect(await headcnictl("policy-trace", "client", server(), "80")).toMatchObject({
      ...{ exitCode: 2, stderr: expect.stringContaining("write namespace/pod, as default/client") },
    });
  });

  test("one node's own part decides alone only what it denies", async () => {
    const here = async (node: string) => {
      const words = ["--node", node, "policy-trace", "--here", client(), otherServer(), "80"];
      const { stdout, exitCode } = await headcnictl(...words, "-o", "json");
      return { exitCode, ...JSON.parse(stdout).nodes[0].document };
    };
    expect(await here("n1")).toMatchObject({
      ...{ exitCode: 2, verdict: "unknown", problems: [{ code: "NODE_NOT_ASKED", node: "n2" }] },
    });
    await applyObjects(lab(), [policy("denied", { podSelector: isServer, policyTypes: ["Ingress"] })]);
    await untilTraced("denied", client(), otherServer(), "80");
    expect(await here("n1")).toMatchObject({ exitCode: 2, ingress: { allowed: false, told: false } });
    expect(await here("n2")).toMatchObject({ exitCode: 1, verdict: "denied" });
  });

  test("a node that does not answer is named, and nothing is concluded without it", async () => {
    const kubelet = { name: "kubelet", node: "n2" } as const;
    await killService(lab(), kubelet);
    try {
      expect(await trace(client(), otherServer(), "80")).toMatchObject({
        ...{ exitCode: 2, verdict: "unknown", problems: [{ code: "NODE_FAILED", node: "n2" }] },
        egress: { node: "n1", told: true },
      });
    } finally {
      await startService(lab(), kubelet);
      await kubectl(lab(), ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=110s"]);
    }
  });
}
