import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createActor } from "xstate";
import type { WatchReport } from "../../../machines/watch/watch-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { watchActors } from "../../../src/actors/kubernetes/watch-actors.ts";
import { createKubernetes } from "../../../src/adapters/kubernetes/kubernetes-client.ts";
import {
  metricsAnnotation,
  tailnetNodeAnnotation,
} from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import type { Watched, WatchNews, WatchSource } from "../../../src/domain/kubernetes/kubernetes-watch.ts";
import type { PolicySource } from "../../../src/domain/policy/policy-ledger.ts";
import { type ApiServer, startApiServer } from "../../adapters/kubernetes/support/api-server.ts";
import { ensureGoModule } from "../../lab/build/go-tools.ts";
import { kubernetesModule } from "../../lab/kubernetes/cluster-tools.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { until } from "../../support/until.ts";

/** All that the daemon's role allows: what it uses, and nothing else. */
const rules = [
  { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
  { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list", "watch"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

let api: ApiServer;
let daemonKubeconfig: string;
const open: (() => void)[] = [];

beforeAll(async () => {
  api = await startApiServer(await ensureGoModule(kubernetesModule, stderrProgress()));
  daemonKubeconfig = await api.kubeconfigOf("daemon");
  for (const name of ["n1", "n2"]) await addNode(name);
});
afterAll(async () => {
  for (const close of open) close();
  await api?.remove();
});

const nodesPath = "/api/v1/nodes";
const podsPath = "/api/v1/namespaces/default/pods";

async function addNode(name: string): Promise<void> {
  const slice = `10.244.${Number(name.slice(1)) % 256}.0/24`;
  const spec = { podCIDR: slice, podCIDRs: [slice] };
  const answer = await api.call("POST", nodesPath, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec,
  });
  expect(answer.status).toBe(201);
}

async function addPod(name: string, nodeName: string, labels: object = {}): Promise<void> {
  const spec = { nodeName, containers: [{ name: "c", image: "i" }] };
  const body = { apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec };
  expect((await api.call("POST", podsPath, body)).status).toBe(201);
}

function client(kubeconfig = api.kubeconfig, podSelector = "") {
  const rejected: WatchSource[] = [];
  const kubernetes = createKubernetes({
    nodeName: "n1",
    kubeconfig,
    environment: {},
    podSelector,
    rejected: (source) => rejected.push(source),
  });
  open.push(() => void kubernetes.close());
  return { kubernetes, rejected };
}

/** Of those that policies follow from, objects come as they were read. */
type NamedSource = Exclude<WatchSource, PolicySource>;

/** What somebody knows who heard all of it, by name. */
function knownFrom<Source extends NamedSource>(reports: readonly WatchReport<NamedSource>[]) {
  const items = new Map<string, Watched[Source]>();
  for (const report of reports) {
    if (report.type === "watch.lost" || report.type === "watch.restored") continue;
    if (report.type === "watch.listed") items.clear();
    const changes =
      report.type === "watch.listed"
        ? report.items.map((item) => ({ kind: "put" as const, item }))
        : report.changes;
    for (const { kind, item } of changes) {
      if (kind === "put") items.set(item.name, item as Watched[Source]);
      else items.delete(item.name);
    }
  }
  return items;
}

/** A watch machine on the real API server, and what somebody knows who heard all it told. */
function watch<Source extends NamedSource>(source: Source, kubeconfig?: string, podSelector?: string) {
  const { kubernetes } = client(kubeconfig, podSelector);
  const parent = recorder<WatchReport<NamedSource>>();
  const actor = createActor(watchMachine.provide({ actors: watchActors(kubernetes) }), {
    input: { source, seed: "n1", parent: parent.ref },
  }).start();
  open.push(() => actor.stop());
  const known = () => knownFrom<Source>(parent.events);
  const knows = (...names: readonly string[]) =>
    until(
      () => [...known().keys()].toSorted().join() === names.toSorted().join(),
      `it knows ${names.join(", ")}`,
      40_000,
    );
  return { actor, known, knows, types: parent.types, state: () => JSON.stringify(actor.getSnapshot().value) };
}

describe("on a real API server", () => {
  test("Nodes are listed, and what changes is told", async () => {
    const nodes = watch("nodes");
    await nodes.knows("n1", "n2");
    await addNode("n3");
    await nodes.knows("n1", "n2", "n3");
    expect(nodes.known().get("n3")).toMatchObject({
      ...{ name: "n3", podCidrs: ["10.244.3.0/24"], addresses: [], tailnetNodeId: "" },
      ...{ uid: expect.stringMatching(/^[-0-9a-f]{36}$/), createdAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    await api.call("DELETE", `${nodesPath}/n3`);
    await nodes.knows("n1", "n2");
    expect(nodes.types().filter((type) => type === "watch.listed")).toHaveLength(1);
  });

  test("of the pods only this node's are told, and with a label selector only those it selects", async () => {
    const all = watch("pods");
    const some = watch("pods", api.kubeconfig, "app=web,tier!=cache");
    await addPod("here", "n1", { app: "web" });
    await addPod("cache", "n1", { app: "web", tier: "cache" });
    await addPod("there", "n2", { app: "web" });
    await all.knows("here", "cache");
    await some.knows("here");
    await api.call("PATCH", `${podsPath}/cache`, { metadata: { labels: { tier: null } } });
    await some.knows("here", "cache");
    await api.call("DELETE", `${podsPath}/here`, { gracePeriodSeconds: 0 });
    await all.knows("cache");
    await some.knows("cache");
  });

  test("the Node's network condition is set beside the others, and seen", async () => {
    const { kubernetes } = client();
    const own = watch("ownNode");
    await own.knows("n1");
    await api.call("PATCH", `${nodesPath}/n1/status`, {
      status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "" }] },
    });
    const { signal } = new AbortController();
    const condition = { status: "True", reason: "TailnetDown", message: "no peer" } as const;
    await kubernetes.setNetworkCondition(condition, signal);
    await until(() => own.known().get("n1")?.network?.status === "True", "the condition is seen");
    await kubernetes.setNetworkCondition({ ...condition, status: "False" }, signal);
    await until(() => own.known().get("n1")?.network?.status === "False", "the condition is seen");
    const { body } = await api.call("GET", `${nodesPath}/n1`);
    expect(body.status.conditions.map(({ type }: { type: string }) => type).toSorted()).toEqual([
      "NetworkUnavailable",
      "Ready",
    ]);
  });

  test("the Node says which tailnet node it is by its status, beside other annotations, and that is seen", async () => {
    const { kubernetes } = client();
    const own = watch("ownNode");
    await own.knows("n1");
    await api.call("PATCH", `${nodesPath}/n1`, { metadata: { annotations: { other: "stays" } } });
    const { signal } = new AbortController();
    const metricsAt = "10.244.1.1:9797";
    await kubernetes.publishIdentity({ nodeId: "7", metricsAt }, signal);
    await until(() => own.known().get("n1")?.tailnetNodeId === "7", "the tailnet node is seen");
    expect(own.known().get("n1")?.metricsAt).toBe(metricsAt);
    const annotations = async () => (await api.call("GET", `${nodesPath}/n1`)).body.metadata.annotations;
    const kept = { other: "stays", [tailnetNodeAnnotation]: "7" };
    expect(await annotations()).toMatchObject({ ...kept, [metricsAnnotation]: metricsAt });
    await kubernetes.publishIdentity({ nodeId: "7", metricsAt: "" }, signal);
    const left = await annotations();
    expect(left).toMatchObject(kept);
    expect(left[metricsAnnotation]).toBeUndefined();
  });

  test("a report is an Event on its Pod, and counts its repetitions", async () => {
    const { kubernetes } = client();
    const { signal } = new AbortController();
    const pod = { namespace: "default", name: "cache", uid: "u1" };
    const report = { pod, reason: "NetworkNotAttached", note: "x".repeat(2_000), action: "Attaching" };
    const posted = await kubernetes.postReport(report, signal);
    await kubernetes.repeatReport(posted, 4, signal);
    const { body } = await api.call(
      "GET",
      `/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid=u1`,
    );
    expect(body.items).toMatchObject([
      {
        reason: "NetworkNotAttached",
        type: "Warning",
        series: { count: 4 },
        source: {},
        reportingInstance: "n1",
      },
    ]);
    await api.call("DELETE", `/api/v1/namespaces/default/events/${posted.eventName}`);
    await expect(kubernetes.repeatReport(posted, 5, signal)).rejects.toMatchObject({
      detail: { code: "NOT_FOUND" },
    });
  });

  test("the daemon's role allows all of this, and without it the watch waits instead of hammering", async () => {
    const early = watch("nodes", daemonKubeconfig);
    await until(() => early.state() === '"refused"', "it is refused");
    expect([...new Set(early.types())]).toEqual(["watch.lost"]);
    const metadata = { name: "headcni" };
    const roles = "/apis/rbac.authorization.k8s.io/v1";
    await api.call("POST", `${roles}/clusterroles`, { metadata, rules });
    await api.call("POST", `${roles}/clusterrolebindings`, {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "headcni" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "daemon" }],
    });
    const nodes = watch("nodes", daemonKubeconfig);
    await nodes.knows("n1", "n2");
    const own = watch("ownNode", daemonKubeconfig);
    const pods = watch("pods", daemonKubeconfig);
    await own.knows("n1");
    await pods.knows("cache");
    const { kubernetes } = client(daemonKubeconfig);
    const { signal } = new AbortController();
    await kubernetes.setNetworkCondition({ status: "False", reason: "HeadcniServes", message: "" }, signal);
    await kubernetes.publishIdentity({ nodeId: "9", metricsAt: "" }, signal);
    const pod = { namespace: "default", name: "cache", uid: "u2" };
    const posted = await kubernetes.postReport({ pod, reason: "R", note: "n", action: "A" }, signal);
    await kubernetes.repeatReport(posted, 2, signal);
  });

  test("an API server that dies and comes back: what it forgot is listed anew, what changed is told", async () => {
    const nodes = watch("nodes");
    const pods = watch("pods");
    await nodes.knows("n1", "n2");
    await pods.knows("cache");
    await api.stop("SIGKILL");
    await until(() => nodes.types().includes("watch.lost"), "the loss is told");
    await api.start();
    await addNode("n4");
    await api.call("DELETE", `${podsPath}/cache`, { gracePeriodSeconds: 0 });
    await nodes.knows("n1", "n2", "n4");
    await pods.knows();
    expect(nodes.types()).toContain("watch.restored");
    await api.call("DELETE", `${nodesPath}/n4`);
    await nodes.knows("n1", "n2");
  });

  test("a cursor goes on where it was, and is refused as expired once etcd was compacted", async () => {
    const { kubernetes } = client();
    const follow = async (cursor: string) => {
      const abort = new AbortController();
      const news: WatchNews[] = [];
      const ended = kubernetes
        .follow("nodes", cursor, (item) => news.push(item), abort.signal)
        .then(
          () => "ended",
          (error: unknown) => (error as { readonly detail: { readonly code: string } }).detail.code,
        );
      return { news, ended, abort: () => abort.abort() };
    };
    const first = await follow("");
    const list = await until(() => first.news.find((item) => item.type === "watch.listed"), "the list");
    first.abort();
    if (list.type !== "watch.listed") throw new Error("no list");
    await addNode("n5");
    await api.call("DELETE", `${nodesPath}/n5`);
    const second = await follow(list.cursor);
    const changes = () =>
      second.news.flatMap((item) =>
        item.type === "watch.changed" && item.source === "nodes" ? item.changes : [],
      );
    await until(() => changes().length >= 2, "what happened meanwhile");
    expect(changes().map(({ kind, item }) => [kind, item.name])).toEqual([
      ["put", "n5"],
      ["removed", "n5"],
    ]);
    second.abort();
    // The watch cache would still know; a restart empties it, and etcd has nothing left from before.
    await api.stop("SIGKILL");
    await api.compact();
    await api.start();
    expect(await (await follow(list.cursor)).ended).toBe("EXPIRED");
  });

  test("an API server without watch-list is asked for pages, and watched from their version on", async () => {
    const names = Array.from({ length: 600 }, (_, index) => `n${index + 1000}`);
    for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map(addNode));
    await api.stop("SIGKILL");
    await api.start(["--feature-gates=WatchList=false"]);
    const nodes = watch("nodes");
    await nodes.knows("n1", "n2", ...names);
    await api.call("DELETE", `${nodesPath}/n1000`);
    await nodes.knows("n1", "n2", ...names.slice(1));
    expect(nodes.types().filter((type) => type === "watch.listed")).toHaveLength(1);
  });
});
