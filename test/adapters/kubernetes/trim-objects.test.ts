import { describe, expect, it } from "vitest";
import { trim } from "../../../src/adapters/kubernetes/trim-objects.ts";

const metadata = { name: "n1", uid: "u1", resourceVersion: "7", managedFields: [] };

describe("a Node", () => {
  it("is cut down to who it is, its pod CIDRs and internal addresses", () => {
    const status = {
      addresses: [
        { type: "InternalIP", address: "10.99.0.11" },
        { type: "Hostname", address: "n1" },
        { type: "ExternalIP", address: "203.0.113.7" },
        { type: "InternalIP", address: "fd00::11" },
      ],
      images: [{ names: ["large"] }],
    };
    expect(
      trim.nodes({
        metadata,
        spec: { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24", "FD00:1::/64"] },
        status,
      }),
    ).toEqual({
      ...{ name: "n1", uid: "u1", createdAt: "", tailnetNodeId: "" },
      podCidrs: ["10.244.1.0/24", "fd00:1::/64"],
      addresses: ["10.99.0.11", "fd00::11"],
    });
  });

  it.each([
    ["has no pod CIDR yet", {}, []],
    ["has only the older field", { podCIDR: "10.244.1.0/24" }, ["10.244.1.0/24"]],
    ["has null in the place of a list", { podCIDRs: null }, []],
    ["has a prefix that is not canonical", { podCIDRs: ["10.244.1.7/24"] }, []],
  ])("%s", (_, spec, podCidrs) => {
    expect(trim.nodes({ metadata, spec })).toMatchObject({ name: "n1", podCidrs, addresses: [] });
  });

  it("tells when it was made, and which tailnet node it says it is", () => {
    const of = (more: object) => trim.nodes({ metadata: { ...metadata, ...more }, spec: {} });
    const creationTimestamp = "2026-01-02T03:04:05Z";
    const annotations = { other: "x", "headcni.github.io/tailnet-node-id": "7" };
    expect(of({ creationTimestamp, annotations })).toMatchObject({
      createdAt: creationTimestamp,
      tailnetNodeId: "7",
    });
    expect(of({ annotations: { other: "x" } })?.tailnetNodeId).toBe("");
  });

  it("of our own also tells its UID and its network condition", () => {
    const condition = {
      type: "NetworkUnavailable",
      status: "True",
      reason: "R",
      message: "m",
      lastHeartbeatTime: "x",
    };
    const own = (conditions: readonly unknown[] | null) =>
      trim.ownNode({ metadata, spec: {}, status: { conditions } })?.network;
    expect(own([{ type: "Ready", status: "False" }, condition])).toEqual({
      status: "True",
      reason: "R",
      message: "m",
    });
    expect(own(null)).toBeNull();
  });

  it.each([
    undefined,
    null,
    7,
    {},
    { metadata: { name: "" }, spec: {} },
    { metadata: { name: "a" }, spec: {} },
  ])("that is not one is left out: %j", (value) => {
    expect(trim.nodes(value)).toBeUndefined();
  });
});

describe("a pod", () => {
  const pod = (more: object = {}, spec: object = {}) =>
    trim.pods({ metadata: { ...metadata, namespace: "default", ...more }, spec });

  it("is cut down to who it is", () => {
    expect(pod({ labels: { a: "b" } }, { containers: [{ image: "large" }] })).toEqual({
      uid: "u1",
      runtimeUid: "u1",
      namespace: "default",
      name: "n1",
    });
  });

  it("that mirrors a static pod runs under the static pod's UID", () => {
    const annotations = {
      "kubernetes.io/config.mirror": "static-1",
      "kubernetes.io/config.hash": "static-1",
    };
    expect(pod({ annotations })).toMatchObject({ uid: "u1", runtimeUid: "static-1" });
  });
});

describe("a ServiceCIDR", () => {
  const cidr = (cidrs: unknown, more: object = {}) =>
    trim.serviceCidrs({ metadata: { ...metadata, ...more }, spec: { cidrs } });

  it("is cut down to its name and its prefixes, canonical", () => {
    expect(cidr(["10.97.0.0/24", "FD97::/112", "10.97.0.7/24", "x"])).toEqual({
      name: "n1",
      prefixes: ["10.97.0.0/24", "fd97::/112"],
    });
    expect(cidr(null)).toEqual({ name: "n1", prefixes: [] });
  });

  it("that is being deleted is one until it is gone", () => {
    const deleted = { deletionTimestamp: "2026-01-02T03:04:05Z", finalizers: ["networking.k8s.io/x"] };
    expect(cidr(["10.97.0.0/24"], deleted)?.prefixes).toEqual(["10.97.0.0/24"]);
  });

  it.each([undefined, {}, { metadata }])("that is not one is left out: %j", (value) => {
    expect(trim.serviceCidrs(value)).toBeUndefined();
  });
});
