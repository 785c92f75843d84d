import { expect, test } from "vitest";
import type { NetworkPolicy, PolicyPod } from "../../../src/domain/policy/network-policy.ts";
import type { ObjectProblem, Reading } from "../../../src/domain/policy/policy-book.ts";
import {
  awaitsLabels,
  emptyPolicyLedger,
  hearPolicyNews,
  nodesOf,
  type PolicyNews,
  withAttached,
  withoutAttached,
  worldOf,
} from "../../../src/domain/policy/policy-ledger.ts";

const policy: NetworkPolicy = { namespace: "shop", name: "db", pods: [], ingress: [] };
const pod: PolicyPod = {
  ...{ namespace: "shop", name: "web", uid: "u1", runtimeUid: "u1", createdAt: "", node: "n1" },
  ...{ labels: { app: "web" }, addresses: ["10.244.1.7"], ports: [], hostNetwork: false, ended: false },
};
const attached = { podUid: "u1", namespace: "shop", addresses: ["10.244.1.7"] };
const problemOf = (kind: ObjectProblem["kind"], namespace: string, name: string): ObjectProblem => ({
  ...{ code: "UNKNOWN_SHAPE", kind, namespace, name, path: "spec", text: "what" },
});
const pods = (...items: Reading<PolicyPod>[]): PolicyNews => ({
  ...{ type: "watch.listed", source: "clusterPods", items, cursor: "1" },
});
const podChanged = (kind: "put" | "removed", item: Reading<PolicyPod>): PolicyNews => ({
  ...{ type: "watch.changed", source: "clusterPods", changes: [{ kind, item }], cursor: "2" },
});
const policies = (...items: Reading<NetworkPolicy>[]): PolicyNews => ({
  ...{ type: "watch.listed", source: "networkPolicies", items, cursor: "1" },
});
const heard = (...news: readonly PolicyNews[]) =>
  news.reduce((ledger, one) => hearPolicyNews(ledger, one).ledger, emptyPolicyLedger);

test("a ledger has what was listed last, with what changed since", () => {
  const one = heard(pods({ item: pod }), policies({ item: policy }));
  expect(one).toMatchObject({
    pods: { "shop/web": pod },
    policies: { "shop/db": { policy } },
    namespaces: {},
  });
  const moved = { ...pod, labels: { app: "db" } };
  const other = { ...pod, name: "other", uid: "u2", runtimeUid: "u2" };
  const { ledger } = hearPolicyNews(one, podChanged("put", { item: moved }));
  expect(ledger.pods).toEqual({ "shop/web": moved });
  expect(ledger.policies).toBe(one.policies);
  expect(hearPolicyNews(ledger, pods({ item: other })).ledger.pods).toEqual({ "shop/other": other });
  expect(hearPolicyNews(ledger, podChanged("removed", { item: moved })).ledger.pods).toEqual({});
  const namespace = { name: "shop", labels: { team: "a" } };
  const named: PolicyNews = {
    ...{ type: "watch.listed", source: "namespaces", items: [{ item: namespace }], cursor: "1" },
  };
  expect(hearPolicyNews(ledger, named).ledger.namespaces).toEqual({ shop: namespace });
});

test("it is the same object, and its pods are, where nothing changes that policies look at", () => {
  const other = { ...pod, name: "other", uid: "u2", runtimeUid: "u2" };
  const one = heard(pods({ item: pod }, { item: other }), policies({ item: policy }));
  for (const news of [
    podChanged("put", { item: structuredClone(pod) }),
    podChanged("removed", { item: { ...pod, name: "unknown" } }),
    pods({ item: structuredClone(other) }, { item: structuredClone(pod) }),
    policies({ item: structuredClone(policy) }),
  ])
    expect(hearPolicyNews(one, news).ledger).toBe(one);
  const { ledger } = hearPolicyNews(one, podChanged("put", { item: { ...pod, ended: true } }));
  expect(ledger.pods["shop/other"]).toBe(one.pods["shop/other"]);
});

test("what cannot be read leaves what was known, and is named", () => {
  const one = heard(pods({ item: pod }), policies({ item: policy }));
  const [broken, unknown] = [problemOf("Pod", "shop", "web"), problemOf("Pod", "shop", "new")];
  const listed = hearPolicyNews(one, pods({ problem: broken }, { problem: unknown }));
  expect(listed).toEqual({ ledger: one, problems: [broken, unknown] });
  expect(hearPolicyNews(one, podChanged("removed", { problem: broken }))).toMatchObject({
    ledger: { pods: {} },
    problems: [],
  });
  const problem = problemOf("NetworkPolicy", "shop", "db");
  const { ledger } = hearPolicyNews(one, policies({ problem }));
  expect(ledger.policies).toEqual({ "shop/db": { policy, problem } });
});

test("this node's pods come and go by the keys of their attachments", () => {
  const one = withAttached(emptyPolicyLedger, "c1/eth0", attached);
  expect(one.attached).toEqual({ "c1/eth0": attached });
  expect(withoutAttached(one, "c2/eth0")).toBe(one);
  expect(withoutAttached(one, "c1/eth0").attached).toEqual({});
});

test("a pod's labels are waited for where its namespace has policies and the API server did not tell of it", () => {
  const judged = heard(policies({ item: policy }));
  expect(awaitsLabels(judged, attached)).toBe(true);
  expect(awaitsLabels(judged, { ...attached, namespace: "other" })).toBe(false);
  expect(awaitsLabels(emptyPolicyLedger, attached)).toBe(false);
  expect(awaitsLabels(heard(policies({ item: policy }), pods({ item: pod })), attached)).toBe(false);
});

test("a world has the same parts as the one before where the ledger has", () => {
  const ledger = withAttached(heard(policies({ item: policy }), pods({ item: pod })), "c1/eth0", attached);
  const world = worldOf(ledger);
  expect(world).toEqual({
    ...{ policies: [policy], namespaces: [], pods: [pod], nodes: [], attached: [attached] },
  });
  const next = hearPolicyNews(ledger, podChanged("put", { item: { ...pod, ended: true } })).ledger;
  const after = worldOf(next, { ledger, world });
  expect(after.pods).not.toBe(world.pods);
  for (const part of ["policies", "namespaces", "attached"] as const) expect(after[part]).toBe(world[part]);
});

test("Nodes have all pod CIDRs that are bound to them", () => {
  const binding = { nodeId: "", uid: "u" };
  expect(
    nodesOf([
      { ...binding, node: "n1", prefix: "10.244.1.0/24" },
      { ...binding, node: "n2", prefix: "10.244.2.0/24" },
      { ...binding, node: "n1", prefix: "fd00::/64" },
    ]),
  ).toEqual([
    { name: "n1", podCidrs: ["10.244.1.0/24", "fd00::/64"], addresses: [] },
    { name: "n2", podCidrs: ["10.244.2.0/24"], addresses: [] },
  ]);
});
