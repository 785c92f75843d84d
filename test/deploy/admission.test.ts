import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderManifests } from "../../deploy/manifests/render.ts";
import { restoreAddresses } from "../../src/actors/kubernetes/restore-addresses.ts";
import { type ApiCall, createApiTransport } from "../../src/adapters/kubernetes/api-transport.ts";
import { nodeConfigReader } from "../../src/adapters/kubernetes/kube-config.ts";
import { createKubernetes } from "../../src/adapters/kubernetes/kubernetes-client.ts";
import { trim } from "../../src/adapters/kubernetes/trim-objects.ts";
import {
  type NodeAddressing,
  replacedAddressesAnnotation,
  uninitializedTaint,
  type WrittenAddresses,
} from "../../src/domain/kubernetes/node-address.ts";
import type { Kubernetes } from "../../src/ports/kubernetes.ts";
import { type ApiServer, startApiServer } from "../adapters/kubernetes/support/api-server.ts";
import { ensureGoModule } from "../lab/build/go-tools.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { kubernetesModule } from "../lab/kubernetes/cluster-tools.ts";
import { stderrProgress } from "../lab/progress.ts";
import { run } from "../lab/run-command.ts";
import { until } from "../support/until.ts";

/** The chart's role and policy in a real API server, and the tokens that it gives to the pods of DaemonSets. */
let api: ApiServer;
let helm: string;
const chart = join(import.meta.dirname, "..", "..", "deploy", "chart", "headcni");
const namespace = "kube-system";
const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
const { signal } = new AbortController();
const theirTaint = { key: "theirs", value: "x", effect: "NoSchedule" };

type KubernetesObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
};
const paths: Readonly<Record<string, string>> = {
  ServiceAccount: accounts,
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  ValidatingAdmissionPolicy: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
};

async function create(path: string, object: unknown): Promise<Readonly<Record<string, unknown>>> {
  const { status, body } = await api.call("POST", path, object);
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

beforeAll(async () => {
  const progress = stderrProgress();
  helm = await ensureHelm(progress);
  // The wider of the two policies, and the role of it.
  const { "headcni.yaml": text = "" } = await renderManifests(helm, { publishNodeAddress: true });
  api = await startApiServer(await ensureGoModule(kubernetesModule, progress));
  await until(
    async () => (await api.call("GET", `/api/v1/namespaces/${namespace}`)).status === 200,
    "the API server has its namespaces",
    60_000,
  );
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null);
  for (const object of objects) {
    const path = object === null ? undefined : paths[object.kind];
    if (path !== undefined) await create(path, object);
  }
  for (const name of ["n1", "n2"])
    await create("/api/v1/nodes", {
      metadata: { name, labels: { zone: "a" }, annotations: { theirs: "x" } },
      spec: { taints: [theirTaint, { key: uninitializedTaint, value: "true", effect: "NoSchedule" }] },
    });
  // A right that others than the daemon do not have, so that the policy alone speaks.
  await create(paths["ClusterRole"] ?? "", {
    metadata: { name: "more" },
    rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["patch"] }],
  });
  await create(paths["ClusterRoleBinding"] ?? "", {
    metadata: { name: "more" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "more" },
    subjects: [
      { kind: "ServiceAccount", name: "headcni", namespace },
      { kind: "ServiceAccount", name: "other", namespace },
    ],
  });
  await create(accounts, { metadata: { name: "other" } });
  // A policy is in force a moment after it is there.
  const theirs = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
  await until(
    async () =>
      (await patch(theirs, "n2", "", { metadata: { annotations: { "headcni.github.io/a": "1" } } })) !== "",
    "the policy is in force",
    60_000,
  );
}, 900_000);
afterAll(() => api?.remove());

/** A token as kubelet gets it for a pod on a node; without a node, one that is bound to nothing. */
async function tokenOf(account: string, node?: string): Promise<string> {
  const spec: Record<string, unknown> = { expirationSeconds: 3600 };
  if (node !== undefined) {
    const container = { name: "c", image: "i" };
    const pod = { serviceAccountName: account, nodeName: node, containers: [container] };
    const { metadata } = await create(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { generateName: "p-" },
      spec: pod,
    });
    const { name, uid } = metadata as { readonly name: string; readonly uid: string };
    spec["boundObjectRef"] = { apiVersion: "v1", kind: "Pod", name, uid };
  }
  const { status } = await create(`${accounts}/${account}/token`, { spec });
  return (status as { readonly token: string }).token;
}

async function kubeconfigOf(account: string, token: string): Promise<string> {
  const config = JSON.parse(await readFile(api.kubeconfig, "utf8"));
  config.users = [{ name: "admin", user: { token } }];
  const path = join(api.folder, `${account}-${randomUUID()}.kubeconfig`);
  await writeFile(path, JSON.stringify(config));
  return path;
}

/** What the API server says to a change of a Node; empty when it takes it. */
async function patch(kubeconfig: string, node: string, subresource: string, body: unknown): Promise<string> {
  const transport = createApiTransport(nodeConfigReader(kubeconfig, {}));
  const contentType = "application/merge-patch+json";
  const call: ApiCall = { method: "PATCH", path: `/api/v1/nodes/${node}${subresource}`, contentType, body };
  try {
    await transport.call(call, signal);
    return "";
  } catch (error) {
    return String(error);
  } finally {
    await transport.close();
  }
}

/** Makes one call of a daemon; what the API server says to it, empty when it takes it. */
async function daemonCall(
  kubeconfig: string,
  nodeName: string,
  call: (kubernetes: Kubernetes) => Promise<void>,
): Promise<string> {
  const kubernetes = createKubernetes({
    nodeName,
    kubeconfig,
    environment: {},
    podSelector: "",
    rejected: () => undefined,
  });
  try {
    await call(kubernetes);
    return "";
  } catch (error) {
    return String(error);
  } finally {
    await kubernetes.close();
  }
}

const setCondition = (kubeconfig: string, nodeName: string) =>
  daemonCall(kubeconfig, nodeName, (kubernetes) =>
    kubernetes.setNetworkCondition({ status: "True", reason: "TailnetDown", message: "no peer" }, signal),
  );

describe("a daemon on n1", () => {
  test("sets the condition of n1 and not that of n2", async () => {
    const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
    expect(await setCondition(kubeconfig, "n1")).toBe("");
    expect(await setCondition(kubeconfig, "n2")).toContain('on "n1" may not change the Node "n2"');
  });

  test.each([
    ["a condition", "/status", { status: { conditions: [{ type: "NetworkUnavailable", status: "False" }] } }],
    [
      "an annotation of HeadCNI",
      "",
      { metadata: { annotations: { "headcni.github.io/tailnet-node-id": "7" } } },
    ],
    [
      "the same with the status",
      "/status",
      { metadata: { annotations: { "headcni.github.io/tailnet-node-id": "8" } } },
    ],
  ])("changes %s of n1, and of n1 alone", async (_, subresource, body) => {
    const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
    expect(await patch(kubeconfig, "n1", subresource, body)).toBe("");
    expect(await patch(kubeconfig, "n2", subresource, body)).toContain("may not change the Node");
  });

  test.each([
    ["a label", { metadata: { labels: { zone: "b" } } }],
    ["a taint", { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } }],
    ["a taint of others, which it would remove", { spec: { taints: [] } }],
    ["whether pods are scheduled", { spec: { unschedulable: true } }],
    ["a provider's ID", { spec: { providerID: "cloud://1" } }],
    ["a pod CIDR", { spec: { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24"] } }],
    ["an annotation of others", { metadata: { annotations: { theirs: "y" } } }],
    ["an annotation of others, which it would remove", { metadata: { annotations: { theirs: null } } }],
    ["a new annotation of others", { metadata: { annotations: { "headcni.example/x": "y" } } }],
    ["a finalizer", { metadata: { finalizers: ["example.org/x"] } }],
  ])("does not change %s, not even of n1", async (_, body) => {
    const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
    expect(await patch(kubeconfig, "n1", "", body)).toContain("HeadCNI's daemon changes no");
    // A right to the status is one to the metadata, too; to the spec it is none.
    if (!("spec" in body))
      expect(await patch(kubeconfig, "n1", "/status", body)).toContain("HeadCNI's daemon changes no");
  });
});

test("a daemon takes the taint of a Node without addresses away, that alone and from its own Node alone", async () => {
  const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
  const remove = (node: string, place: number) =>
    daemonCall(kubeconfig, node, (kubernetes) => kubernetes.removeUninitialized(place, signal));
  expect(await remove("n2", 1)).toContain("may not change the Node");
  expect(await remove("n1", 0)).toContain("422");
  expect(await remove("n1", 1)).toBe("");
  const { body } = await api.call("GET", "/api/v1/nodes/n1");
  const keys = (body as { spec: { taints: readonly { key: string }[] } }).spec.taints.map(({ key }) => key);
  // The API server itself adds that of a Node that is not ready (admission plugin TaintNodesByCondition).
  expect(keys).toEqual([theirTaint.key, "node.kubernetes.io/not-ready"]);
});

test("a daemon writes the addresses of its own Node alone, and only over those that it saw", async () => {
  const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni", "n1"));
  const write = (node: string, seen: NodeAddressing, wanted: WrittenAddresses) =>
    daemonCall(kubeconfig, node, (kubernetes) => kubernetes.writeAddresses(seen, wanted, signal));
  const internal = (address: string) => ({ type: "InternalIP", address });
  const none = { addresses: [], replaced: null, annotated: true, uninitializedAt: -1 };
  const published = { addresses: [internal("10.244.1.1")], replaced: "" };
  expect(await write("n2", none, published)).toContain("may not change the Node");
  expect(await write("n1", none, published)).toBe("");
  const ofNode = async () => trim.ownNode((await api.call("GET", "/api/v1/nodes/n1")).body)?.addressing;
  const seen = { ...none, ...published };
  expect(await ofNode()).toMatchObject(published);
  // Others were quicker.
  for (const stale of [none, { ...seen, addresses: [internal("192.0.2.9")] }])
    expect(await write("n1", stale, { addresses: [], replaced: "x" })).toContain("422");
  expect(await ofNode()).toMatchObject(published);
  expect(await write("n1", seen, { addresses: [internal("192.0.2.7")], replaced: null })).toBe("");
  expect(await ofNode()).toMatchObject({ addresses: [internal("192.0.2.7")], replaced: null });
});

test("a node that leaves without Helm gives its Node back what was replaced, once", async () => {
  const internal = (address: string) => ({ type: "InternalIP", address });
  await create("/api/v1/nodes", { metadata: { name: "n5" } });
  const hostname = { type: "Hostname", address: "n5" };
  const published = { addresses: [internal("10.244.5.1"), hostname], replaced: "192.0.2.7" };
  const none = { addresses: [], replaced: null, annotated: false, uninitializedAt: -1 };
  const restored: boolean[] = [];
  const call = (work: (kubernetes: Kubernetes) => Promise<void>) => daemonCall(api.kubeconfig, "n5", work);
  expect(await call((kubernetes) => kubernetes.writeAddresses(none, published, signal))).toBe("");
  const restore = () =>
    call(async (kubernetes) => {
      restored.push(await restoreAddresses(kubernetes, ["10.244.0.0/16"], signal));
    });
  expect([await restore(), await restore()]).toEqual(["", ""]);
  expect(restored).toEqual([true, false]);
  const { body } = await api.call("GET", "/api/v1/nodes/n5");
  expect(trim.ownNode(body)?.addressing).toMatchObject({
    ...{ addresses: [internal("192.0.2.7"), hostname], replaced: null },
  });
});

test("a Node without any annotation gets its first with its addresses, unless others were quicker", async () => {
  const admin = (name: string, annotated: boolean, replaced: string) =>
    daemonCall(api.kubeconfig, name, (kubernetes) =>
      kubernetes.writeAddresses(
        { addresses: [], replaced: null, annotated, uninitializedAt: -1 },
        { addresses: [], replaced },
        signal,
      ),
    );
  await create("/api/v1/nodes", { metadata: { name: "n3" } });
  await create("/api/v1/nodes", { metadata: { name: "n4", annotations: { theirs: "x" } } });
  const annotations = async (name: string) => {
    const { metadata } = (await api.call("GET", `/api/v1/nodes/${name}`)).body;
    return (metadata as { readonly annotations: unknown }).annotations;
  };
  expect(await admin("n3", false, "192.0.2.7")).toBe("");
  expect(await annotations("n3")).toEqual({ [replacedAddressesAnnotation]: "192.0.2.7" });
  expect(await admin("n4", false, "192.0.2.7")).toContain("422");
  expect(await annotations("n4")).toEqual({ theirs: "x" });
});

test("a token that is bound to no pod changes no Node", async () => {
  const kubeconfig = await kubeconfigOf("headcni", await tokenOf("headcni"));
  for (const name of ["n1", "n2"])
    expect(await setCondition(kubeconfig, name)).toContain("may not change the Node");
});

test("others' service accounts are none of the policy's business", async () => {
  const kubeconfig = await kubeconfigOf("other", await tokenOf("other", "n1"));
  expect(await patch(kubeconfig, "n2", "", { metadata: { labels: { zone: "c" } } })).toBe("");
});

test.each([
  ["http", true],
  ["https", false],
])(
  "whoever installs with approval api is warned of an unencrypted admin key: %s, %s",
  async (scheme, warned) => {
    const values = {
      "headscale.url": `${scheme}://h.example`,
      "headscale.approval": "api",
      "headscale.apiKey": "k",
      "network.podCIDR": "10.244.0.0/16",
    };
    // Only an installation has notes. What the other tests made is there already.
    const words = ["install", "notes", chart, "--dry-run=client", "--take-ownership"];
    const notes = await run([
      helm,
      ...words,
      `--kubeconfig=${api.kubeconfig}`,
      ...Object.entries(values).map(([path, value]) => `--set-string=${path}=${value}`),
    ]);
    expect(notes).toContain("HeadCNI is being installed");
    expect(notes.includes("a full admin key of Headscale unencrypted")).toBe(warned);
  },
);
