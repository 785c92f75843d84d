import { describe, expect, test } from "vitest";
import {
  readNetworkPolicy,
  readPolicyNamespace,
  readPolicyPod,
} from "../../../src/adapters/kubernetes/read-policy-objects.ts";

const metadata = { namespace: "shop", name: "db", uid: "u1", managedFields: [] };

describe("a NetworkPolicy", () => {
  const read = (spec: unknown) => readNetworkPolicy({ kind: "NetworkPolicy", metadata, spec, status: {} });

  test("is cut down to what it says, with the API's defaults", () => {
    const spec = {
      podSelector: { matchLabels: { tier: "a", app: "db" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            { podSelector: {} },
            {
              namespaceSelector: {},
              podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] },
            },
            { ipBlock: { cidr: "10.1.2.3/8", except: ["FD00::/64", "10.2.0.0/16"] } },
          ],
          ports: [
            { port: 80 },
            { protocol: "UDP", port: "dns" },
            { protocol: "SCTP" },
            { port: 90, endPort: 99 },
          ],
        },
        {},
      ],
      egress: null,
    };
    const app = { key: "app", operator: "In", values: ["db"] };
    expect(read(spec)).toEqual({
      item: {
        ...{ namespace: "shop", name: "db" },
        pods: [app, { key: "tier", operator: "In", values: ["a"] }],
        ingress: [
          {
            peers: [
              { kind: "pods", namespaces: "own", pods: [] },
              { kind: "pods", namespaces: [], pods: [{ key: "app", operator: "Exists", values: [] }] },
              { kind: "block", prefix: "10.0.0.0/8", except: ["fd00::/64", "10.2.0.0/16"] },
            ],
            ports: [
              { protocol: "TCP", first: 80, last: 80 },
              { protocol: "UDP", name: "dns" },
              { protocol: "SCTP", first: 0, last: 65_535 },
              { protocol: "TCP", first: 90, last: 99 },
            ],
          },
          { peers: "any", ports: "any" },
        ],
        egress: [],
      },
    });
  });

  test("that selects the same by other words in another order is the same", () => {
    const one = read({
      podSelector: {
        matchLabels: { a: "1", b: "2" },
        matchExpressions: [{ key: "c", operator: "NotIn", values: ["y", "x"] }],
      },
    });
    const other = read({
      podSelector: {
        matchExpressions: [
          { key: "c", operator: "NotIn", values: ["x", "y"] },
          { key: "b", operator: "In", values: ["2"] },
        ],
        matchLabels: { a: "1" },
      },
    });
    expect(other).toEqual(one);
  });

  test.each([
    { spec: {}, isolates: ["ingress"] },
    { spec: { egress: [] }, isolates: ["ingress"] },
    { spec: { egress: [{}] }, isolates: ["ingress", "egress"] },
    { spec: { policyTypes: ["Egress"], ingress: [{}] }, isolates: ["egress"] },
    { spec: { policyTypes: ["Ingress"], egress: [{}] }, isolates: ["ingress"] },
  ])("$spec isolates for $isolates", ({ spec, isolates }) => {
    const { item } = read(spec);
    expect(["ingress", "egress"].filter((direction) => item !== undefined && direction in item)).toEqual(
      isolates,
    );
  });

  const from = (peer: unknown) => ({ ingress: [{ from: [{ podSelector: {} }, peer] }] });
  const ports = (...list: readonly unknown[]) => ({ ingress: [{ ports: list }] });
  test.each([
    { what: "a peer of a kind to come", spec: from({ serviceSelector: {} }), path: "spec.ingress.0.from.1" },
    { what: "a peer that is nothing", spec: from({}), path: "spec.ingress.0.from.1" },
    {
      what: "a peer that is two things",
      spec: from({ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }),
      path: "spec.ingress.0.from.1",
    },
    { what: "a narrower selector", spec: { podSelector: { matchFields: [] } }, path: "spec.podSelector" },
    {
      what: "an unknown operator",
      spec: { podSelector: { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] } },
      path: "spec.podSelector.matchExpressions.0.operator",
    },
    {
      what: "In without values",
      spec: { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
      path: "spec.podSelector.matchExpressions.0.values",
    },
    {
      what: "a prefix that is none",
      spec: from({ ipBlock: { cidr: "10.0.0.0" } }),
      path: "spec.ingress.0.from.1.ipBlock.cidr",
    },
    {
      what: "an unknown protocol",
      spec: ports({ protocol: "QUIC", port: 1 }),
      path: "spec.ingress.0.ports.0.protocol",
    },
    {
      what: "a range from a name",
      spec: ports({ port: "web", endPort: 90 }),
      path: "spec.ingress.0.ports.0",
    },
    { what: "a range backwards", spec: ports({}, { port: 90, endPort: 80 }), path: "spec.ingress.0.ports.1" },
    { what: "an unknown type", spec: { policyTypes: ["Ingress", "Forward"] }, path: "spec.policyTypes.1" },
    {
      what: "a rule with more than it knows",
      spec: { egress: [{ to: [], action: "Deny" }] },
      path: "spec.egress.0",
    },
    { what: "a field to come", spec: { priority: 7 }, path: "spec" },
  ])("with $what is named with its place, $path", ({ spec, path }) => {
    expect(read(spec)).toEqual({
      problem: {
        code: "UNKNOWN_SHAPE",
        kind: "NetworkPolicy",
        namespace: "shop",
        name: "db",
        path,
        text: expect.any(String),
      },
    });
  });

  test.each([undefined, 7, {}, { metadata: { name: 7 } }])("%j is named without a name", (value) => {
    expect(readNetworkPolicy(value).problem).toMatchObject({
      code: "UNKNOWN_SHAPE",
      namespace: "",
      name: "",
    });
  });

  test("a foreign text does not get out with what it does to terminals", () => {
    expect(read({ ["\u001b[31m"]: 1 }).problem?.text).not.toContain("\u001b");
  });
});

describe("a pod", () => {
  const pod = (spec: object = {}, status: object = {}, more: object = {}) =>
    readPolicyPod({ metadata: { ...metadata, ...more }, spec, status }).item;

  test("is cut down to what policies look at", () => {
    const spec = {
      nodeName: "n1",
      containers: [
        { image: "large", ports: [{ containerPort: 80 }, { name: "web", containerPort: 8080 }] },
        { ports: null },
      ],
      initContainers: [
        { restartPolicy: "Always", ports: [{ name: "dns", containerPort: 53, protocol: "UDP" }] },
        { ports: [{ name: "gone", containerPort: 1 }] },
      ],
    };
    const status = { phase: "Running", podIPs: [{ ip: "10.244.1.7" }, { ip: "FD00:1::7" }, { ip: "none" }] };
    const more = { labels: { app: "db" }, creationTimestamp: "2026-01-02T03:04:05Z" };
    expect(pod(spec, status, more)).toEqual({
      ...{
        namespace: "shop",
        name: "db",
        uid: "u1",
        runtimeUid: "u1",
        createdAt: "2026-01-02T03:04:05Z",
        node: "n1",
      },
      labels: { app: "db" },
      addresses: ["10.244.1.7", "fd00:1::7"],
      ports: [
        { name: "web", protocol: "TCP", port: 8080 },
        { name: "dns", protocol: "UDP", port: 53 },
      ],
      ...{ hostNetwork: false, ended: false },
    });
  });

  test.each(["Succeeded", "Failed"])("in phase %s has ended", (phase) => {
    expect(pod({}, { phase })).toMatchObject({ ended: true, addresses: [] });
  });

  test("may be in its node's network, unscheduled, a mirror", () => {
    expect(pod({ hostNetwork: true })).toMatchObject({ hostNetwork: true, node: "" });
    expect(pod({}, {}, { annotations: { "kubernetes.io/config.mirror": "static-1" } })).toMatchObject({
      runtimeUid: "static-1",
    });
  });

  test("that is none is named", () => {
    expect(readPolicyPod({ metadata, spec: { containers: 7 } })).toMatchObject({
      problem: { kind: "Pod", namespace: "shop", name: "db", path: "spec.containers" },
    });
  });
});

test("a Namespace is its name and labels", () => {
  expect(readPolicyNamespace({ metadata: { name: "shop", labels: { team: "a" } } })).toEqual({
    item: { name: "shop", labels: { team: "a" } },
  });
  expect(readPolicyNamespace({ metadata: { name: "shop", labels: null } }).item?.labels).toEqual({});
  expect(readPolicyNamespace({ metadata: { labels: {} } }).problem).toMatchObject({
    kind: "Namespace",
    path: "metadata.name",
  });
});
