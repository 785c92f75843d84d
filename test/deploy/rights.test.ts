import { beforeAll, expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderManifests } from "../../deploy/manifests/render.ts";
import { createKubernetes } from "../../src/adapters/kubernetes/kubernetes-client.ts";
import { readCluster } from "../../src/cli/doctor/read/read-cluster.ts";
import type { WatchSource } from "../../src/domain/kubernetes/kubernetes-watch.ts";
import type { Kubernetes } from "../../src/ports/kubernetes.ts";
import { ensurePackages } from "../lab/build/debian-packages.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";
import {
  type Answer,
  allows,
  type RbacRule,
  type RecordingApi,
  type Request,
  singleRights,
  startRecordingApi,
} from "./support/recording-api.ts";
import { temporaryFile } from "./temporary-file.ts";

const namespace = "kube-system";
const nodeName = "n1";

type RbacObject = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly RbacRule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
  readonly data?: Readonly<Record<string, string>>;
};
let objects: readonly RbacObject[];
/** The same where daemons write the addresses of their Nodes. */
let publishing: readonly RbacObject[];
/** The same where daemons enforce no NetworkPolicies. */
let judgingNone: readonly RbacObject[];

async function render(more: object): Promise<readonly RbacObject[]> {
  const manifests = await renderManifests(await ensureHelm(stderrProgress()), { ...more });
  return Object.values(manifests).flatMap((text) =>
    parseAllDocuments(text)
      .map((document) => document.toJS() as RbacObject | null)
      .filter((object) => object !== null),
  );
}

beforeAll(async () => {
  await ensurePackages(stderrProgress(), { openssl: "openssl" });
  objects = await render({});
  publishing = await render({ publishNodeAddress: true });
  judgingNone = await render({ networkPolicy: { enabled: false } });
}, 900_000);

/** What the bindings give a service account: in its namespace, and in the whole cluster. */
function rightsOf(account: string, from = objects) {
  const rules = (kind: "Role" | "ClusterRole") =>
    from
      .filter((object) => object.kind === `${kind}Binding`)
      .filter(({ subjects = [] }) => subjects.some(({ name }) => name === account))
      .flatMap(({ roleRef }) =>
        from.filter((object) => object.kind === roleRef?.kind && object.metadata.name === roleRef.name),
      )
      .flatMap((role) => role.rules ?? []);
  return { inNamespace: rules("Role"), inCluster: rules("ClusterRole") };
}

/** Both ways: what was asked is allowed, and what is allowed was asked. */
function expectExactly(account: string, requests: readonly Request[], from = objects): void {
  const { inNamespace, inCluster } = rightsOf(account, from);
  const isAllowed = (request: Request) =>
    allows(inCluster, request) || (request.namespace === namespace && allows(inNamespace, request));
  expect(
    requests.filter((request) => !isAllowed(request)),
    "asked and not allowed",
  ).toEqual([]);
  const here = requests.filter((request) => request.namespace === namespace);
  const idle = [
    ...singleRights(inCluster).filter((right) => !requests.some((request) => allows([right], request))),
    ...singleRights(inNamespace).filter((right) => !here.some((request) => allows([right], request))),
  ];
  expect(idle, "allowed and never asked").toEqual([]);
}

async function recordingApi(answer: Parameters<typeof startRecordingApi>[0]): Promise<RecordingApi> {
  const api = await startRecordingApi(answer);
  onTestFinished(() => api.close());
  return api;
}

const { signal } = new AbortController();
const pod = { name: "p", namespace: "default", uid: "u" };
const sources: Readonly<Record<WatchSource, true>> = {
  ownNode: true,
  nodes: true,
  pods: true,
  serviceCidrs: true,
  networkPolicies: true,
  namespaces: true,
  clusterPods: true,
};

/** Every method of the port, so that none is forgotten here. */
const daemonCalls: { readonly [Method in keyof Kubernetes]: (api: Kubernetes) => Promise<unknown> } = {
  follow: async (api) => {
    for (const source of Object.keys(sources) as WatchSource[])
      await api.follow(source, "", () => undefined, signal);
  },
  setNetworkCondition: (api) =>
    api.setNetworkCondition({ status: "False", reason: "HeadcniServes", message: "" }, signal),
  publishIdentity: (api) => api.publishIdentity({ nodeId: "7", metricsAt: "" }, signal),
  writeAddresses: (api) => {
    const none = { addresses: [], replaced: null };
    return api.writeAddresses({ ...none, annotated: true, uninitializedAt: -1 }, none, signal);
  },
  removeUninitialized: (api) => api.removeUninitialized(0, signal),
  postReport: (api) => api.postReport({ pod, reason: "r", note: "n", action: "a" }, signal),
  repeatReport: (api) => api.repeatReport({ namespace: "default", eventName: "e" }, 2, signal),
};

/** Lists are empty; a watch that should begin with a list is refused, as before Kubernetes 1.34. */
function emptyCluster({ verb }: Request, query: URLSearchParams): Answer | undefined {
  if (query.has("sendInitialEvents")) return [422, { kind: "Status", code: 422, reason: "Invalid" }];
  if (verb === "watch") return [200, ""];
  return verb === "list" ? [200, { metadata: { resourceVersion: "1" }, items: [] }] : undefined;
}

async function daemonRequests(publishes: boolean): Promise<readonly Request[]> {
  const api = await recordingApi(emptyCluster);
  const kubeconfig = await temporaryFile(api.kubeconfig);
  const kubernetes = createKubernetes({
    nodeName,
    kubeconfig,
    environment: {},
    podSelector: "",
    rejected: () => undefined,
  });
  const { removeUninitialized, ...always } = daemonCalls;
  for (const call of Object.values(always)) await call(kubernetes);
  if (publishes) await removeUninitialized(kubernetes);
  await kubernetes.close();
  return api.requests;
}

test("the daemon's service account may do what the daemon does, and nothing else", async () => {
  expectExactly("headcni", await daemonRequests(false));
});

test("it may do one thing more where daemons write the addresses of their Nodes", async () => {
  expectExactly("headcni", await daemonRequests(true), publishing);
});

test("of Nodes the daemon changes its own alone", async () => {
  const changes = (await daemonRequests(true)).filter(
    ({ verb, resource }) => resource.startsWith("nodes") && !["list", "watch"].includes(verb),
  );
  expect(changes.length).toBeGreaterThan(0);
  for (const { name } of changes) expect(name).toBe(nodeName);
});

test("it may not look at NetworkPolicies and Namespaces where daemons enforce none", async () => {
  const { removeUninitialized: _, follow: __, ...always } = daemonCalls;
  const api = await recordingApi(emptyCluster);
  const kubeconfig = await temporaryFile(api.kubeconfig);
  const kubernetes = createKubernetes({
    ...{ nodeName, kubeconfig, environment: {}, podSelector: "", rejected: () => undefined },
  });
  for (const call of Object.values(always)) await call(kubernetes);
  for (const source of ["ownNode", "nodes", "pods", "serviceCidrs"] as const)
    await kubernetes.follow(source, "", () => undefined, signal);
  await kubernetes.close();
  expectExactly("headcni", api.requests, judgingNone);
});

test.each([
  [{ publishesAddress: false, networkPolicies: true }, () => objects],
  [{ publishesAddress: true, networkPolicies: true }, () => publishing],
  [{ publishesAddress: false, networkPolicies: false }, () => judgingNone],
])(
  "doctor asks about every right of the daemon, and does itself what the daemon may: %j",
  async (enabled, from) => {
    const api = await recordingApi(emptyCluster);
    const kubeconfig = await temporaryFile(api.kubeconfig);
    await readCluster({ nodeName, kubeconfig, environment: {}, ...enabled }, signal);
    const { inCluster } = rightsOf("headcni", from());
    expect(api.requests.filter((request) => !allows(inCluster, request))).toEqual([]);
    const asked = api.reviews.map(
      ({ verb, group = "", resource, subresource }) =>
        `${verb} ${group}/${resource}${subresource === undefined ? "" : `/${subresource}`}`,
    );
    const given = singleRights(inCluster).map(
      ({ apiGroups: [group], resources: [resource], verbs: [verb] }) => `${verb} ${group}/${resource}`,
    );
    expect(asked.sort()).toEqual(given.sort());
  },
);

test("doctor finds the prefixes of ServiceCIDR objects, and none where the API server does not know the kind", async () => {
  const found = async (answer: Answer) => {
    const api = await recordingApi((request, query) =>
      request.resource === "servicecidrs" ? answer : emptyCluster(request, query),
    );
    const kubeconfig = await temporaryFile(api.kubeconfig);
    const enabled = { publishesAddress: false, networkPolicies: false };
    const options = { nodeName, kubeconfig, environment: {}, ...enabled };
    return (await readCluster(options, signal)).serviceCidrs;
  };
  const item = { metadata: { name: "a", uid: "u" }, spec: { cidrs: ["10.97.0.0/24"] } };
  expect(await found([200, { items: [item] }])).toEqual({ value: ["10.97.0.0/24"] });
  expect(await found([404, "404 page not found"])).toEqual({ value: [] });
  expect(await found([503, {}])).toEqual({ unknown: expect.stringContaining("503") });
});

test("the uninstallation's service account may do what headcni-clean-nodes does, and nothing else", async () => {
  const manifest =
    objects.find(({ data }) => data?.["cleanup.json"] !== undefined)?.data?.["cleanup.json"] ?? "";
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  let cleaning = false;
  // Its daemon left a condition and addresses.
  const left = {
    metadata: {
      ...{ name: nodeName, uid: "u" },
      annotations: { "headcni.github.io/replaced-addresses": "192.0.2.7" },
    },
    spec: { podCIDR: "10.244.1.0/24" },
    status: {
      conditions: [{ type: "NetworkUnavailable", status: "True", reason: "TailnetDown" }],
      addresses: [{ type: "InternalIP", address: "10.244.1.1" }],
    },
  };
  // Of a second release, which stays.
  const anothers = { ...left, metadata: { ...left.metadata, name: "n2" } };
  const bodies: unknown[] = [];
  const api = await recordingApi(({ verb, resource, name }, query, body) => {
    bodies.push(body);
    if (resource === "daemonsets") {
      if (verb === "create") cleaning = true;
      if (verb === "delete" && name === "headcni-cleanup") cleaning = false;
      return [
        200,
        { metadata: { generation: 1 }, status: { observedGeneration: 1, desiredNumberScheduled: 1 } },
      ];
    }
    if (resource === "pods") {
      const there = cleaning && query.get("labelSelector")?.includes("component=cleanup") === true;
      return [200, { items: there ? [{ metadata: {}, spec: { nodeName }, status: ready }] : [] }];
    }
    if (verb === "list") return [200, { items: [left, anothers] }];
    return undefined;
  });
  const program = new URL("../../src/programs/clean-nodes/main.ts", import.meta.url).pathname;
  const { exitCode, stdout, stderr } = await runResult([
    ...([process.execPath, program] as const),
    `--run=${await temporaryFile(manifest)}`,
    `--kubeconfig=${await temporaryFile(api.kubeconfig)}`,
  ]);
  expect(exitCode, stdout + stderr).toBe(0);
  expectExactly("headcni-uninstall", api.requests);
  const changed = api.requests.filter(
    ({ resource, verb }) => resource === "nodes/status" && verb === "patch",
  );
  expect(new Set(changed.map(({ name }) => name))).toEqual(new Set([nodeName]));
  expect(bodies.flat()).toContainEqual({
    ...{ op: "add", path: "/status/addresses" },
    value: [{ type: "InternalIP", address: "192.0.2.7" }],
  });
});

test("no other service account has a right", () => {
  const bound = objects
    .filter(({ kind }) => kind === "RoleBinding" || kind === "ClusterRoleBinding")
    .flatMap(({ subjects = [] }) => subjects.map(({ kind, name, namespace: of }) => `${kind} ${of}/${name}`));
  expect(new Set(bound)).toEqual(
    new Set([`ServiceAccount ${namespace}/headcni`, `ServiceAccount ${namespace}/headcni-uninstall`]),
  );
});
