import { beforeAll, expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderManifests } from "../../deploy/manifests/render.ts";
import { readCluster } from "../../src/adapters/doctor/read-cluster.ts";
import { createKubernetes } from "../../src/adapters/kubernetes/kubernetes-client.ts";
import type { WatchSource } from "../../src/domain/kubernetes-watch.ts";
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

beforeAll(async () => {
  await ensurePackages(stderrProgress(), { openssl: "openssl" });
  const manifests = await renderManifests(await ensureHelm(stderrProgress()));
  objects = Object.values(manifests).flatMap((text) =>
    parseAllDocuments(text)
      .map((document) => document.toJS() as RbacObject | null)
      .filter((object) => object !== null),
  );
}, 900_000);

/** What the bindings give a service account: in its namespace, and in the whole cluster. */
function rightsOf(account: string) {
  const rules = (kind: "Role" | "ClusterRole") =>
    objects
      .filter((object) => object.kind === `${kind}Binding`)
      .filter(({ subjects = [] }) => subjects.some(({ name }) => name === account))
      .flatMap(({ roleRef }) =>
        objects.filter((object) => object.kind === roleRef?.kind && object.metadata.name === roleRef.name),
      )
      .flatMap((role) => role.rules ?? []);
  return { inNamespace: rules("Role"), inCluster: rules("ClusterRole") };
}

/** Both ways: what was asked is allowed, and what is allowed was asked. */
function expectExactly(account: string, requests: readonly Request[]): void {
  const { inNamespace, inCluster } = rightsOf(account);
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
};

/** Every method of the port, so that none is forgotten here. */
const daemonCalls: { readonly [Method in keyof Kubernetes]: (api: Kubernetes) => Promise<unknown> } = {
  follow: async (api) => {
    for (const source of Object.keys(sources) as WatchSource[])
      await api.follow(source, "", () => undefined, signal);
  },
  setNetworkCondition: (api) =>
    api.setNetworkCondition({ status: "False", reason: "HeadcniServes", message: "" }, signal),
  publishTailnetNode: (api) => api.publishTailnetNode("n1", signal),
  postReport: (api) => api.postReport({ pod, reason: "r", note: "n", action: "a" }, signal),
  repeatReport: (api) => api.repeatReport({ namespace: "default", eventName: "e" }, 2, signal),
};

/** Lists are empty; a watch that should begin with a list is refused, as before Kubernetes 1.34. */
function emptyCluster({ verb }: Request, query: URLSearchParams): Answer | undefined {
  if (query.has("sendInitialEvents")) return [422, { kind: "Status", code: 422, reason: "Invalid" }];
  if (verb === "watch") return [200, ""];
  return verb === "list" ? [200, { metadata: { resourceVersion: "1" }, items: [] }] : undefined;
}

async function daemonRequests(): Promise<readonly Request[]> {
  const api = await recordingApi(emptyCluster);
  const kubeconfig = await temporaryFile(api.kubeconfig);
  const kubernetes = createKubernetes({
    nodeName,
    kubeconfig,
    environment: {},
    podSelector: "",
    rejected: () => undefined,
  });
  for (const call of Object.values(daemonCalls)) await call(kubernetes);
  await kubernetes.close();
  return api.requests;
}

test("the daemon's service account may do what the daemon does, and nothing else", async () => {
  expectExactly("headcni", await daemonRequests());
});

test("of Nodes the daemon changes its own alone", async () => {
  const changes = (await daemonRequests()).filter(
    ({ verb, resource }) => resource.startsWith("nodes") && !["list", "watch"].includes(verb),
  );
  expect(changes.length).toBeGreaterThan(0);
  for (const { name } of changes) expect(name).toBe(nodeName);
});

test("doctor asks about every right of the daemon, and does itself what the daemon may", async () => {
  const api = await recordingApi(emptyCluster);
  const kubeconfig = await temporaryFile(api.kubeconfig);
  await readCluster({ nodeName, kubeconfig, environment: {} }, signal);
  const { inCluster } = rightsOf("headcni");
  expect(api.requests.filter((request) => !allows(inCluster, request))).toEqual([]);
  const asked = api.reviews.map(
    ({ verb, group = "", resource, subresource }) =>
      `${verb} ${group}/${resource}${subresource === undefined ? "" : `/${subresource}`}`,
  );
  const given = singleRights(inCluster).map(
    ({ apiGroups: [group], resources: [resource], verbs: [verb] }) => `${verb} ${group}/${resource}`,
  );
  expect(asked.sort()).toEqual(given.sort());
});

test("doctor finds the prefixes of ServiceCIDR objects, and none where the API server does not know the kind", async () => {
  const found = async (answer: Answer) => {
    const api = await recordingApi((request, query) =>
      request.resource === "servicecidrs" ? answer : emptyCluster(request, query),
    );
    const kubeconfig = await temporaryFile(api.kubeconfig);
    return (await readCluster({ nodeName, kubeconfig, environment: {} }, signal)).serviceCidrs;
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
  const api = await recordingApi(({ verb, resource, name }, query) => {
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
    // Its daemon left a condition.
    const conditions = [{ type: "NetworkUnavailable", status: "True", reason: "TailnetDown" }];
    if (verb === "list") return [200, { items: [{ metadata: { name: nodeName }, status: { conditions } }] }];
    return undefined;
  });
  const program = new URL("../../src/clean-nodes/main.ts", import.meta.url).pathname;
  const { exitCode, stdout, stderr } = await runResult([
    ...([process.execPath, program] as const),
    `--run=${await temporaryFile(manifest)}`,
    `--kubeconfig=${await temporaryFile(api.kubeconfig)}`,
  ]);
  expect(exitCode, stdout + stderr).toBe(0);
  expectExactly("headcni-uninstall", api.requests);
});

test("no other service account has a right", () => {
  const bound = objects
    .filter(({ kind }) => kind === "RoleBinding" || kind === "ClusterRoleBinding")
    .flatMap(({ subjects = [] }) => subjects.map(({ kind, name, namespace: of }) => `${kind} ${of}/${name}`));
  expect(new Set(bound)).toEqual(
    new Set([`ServiceAccount ${namespace}/headcni`, `ServiceAccount ${namespace}/headcni-uninstall`]),
  );
});
