import { expect, test } from "vitest";
import { addressOwners } from "../../../src/domain/policy/address-owners.ts";
import type { AttachedPod, PolicyPod } from "../../../src/domain/policy/network-policy.ts";
import { clusterNodes } from "./any-cluster.ts";

const pod = (uid: string, more: Partial<PolicyPod> = {}): PolicyPod => ({
  ...{ namespace: "shop", name: uid, uid, runtimeUid: uid, createdAt: "2026-01-01T00:00:00Z", node: "n2" },
  ...{ labels: {}, addresses: ["10.244.2.7"], ports: [], hostNetwork: false, ended: false },
  ...more,
});
const owned = (pods: readonly PolicyPod[], attached: readonly AttachedPod[] = []) =>
  Object.fromEntries(
    [...addressOwners({ pods, nodes: clusterNodes, attached })].map(([address, { uid }]) => [address, uid]),
  );

test("an address is the pod's that has it: of two the later one's", () => {
  const later = pod("a", { createdAt: "2026-01-01T00:00:01Z" });
  expect(owned([pod("b"), later])).toEqual({ "10.244.2.7": "a" });
  expect(owned([later, pod("b")])).toEqual({ "10.244.2.7": "a" });
  expect(owned([pod("b"), pod("a")])).toEqual({ "10.244.2.7": "b" });
  expect(owned([pod("a"), pod("b")])).toEqual({ "10.244.2.7": "b" });
});

test.each([
  { what: "that has ended", more: { ended: true } },
  { what: "in its node's network", more: { hostNetwork: true } },
  { what: "with a router address", more: { addresses: ["10.244.2.1", "fd00:2::1"] } },
  { what: "with an address of another node", more: { addresses: ["10.244.1.7"] } },
  { what: "with an address of nobody", more: { addresses: ["192.0.2.7"] } },
  { what: "of a Node that is not known", more: { node: "n9" } },
  { what: "that is not scheduled", more: { node: "" } },
])("a pod $what has none", ({ more }) => {
  expect(owned([pod("a", more)])).toEqual({});
});

test("what stands on this node is what its attachments say", () => {
  const own = pod("own", { node: "n1", runtimeUid: "static", addresses: [] });
  const claims = pod("other", { node: "n1", addresses: ["10.244.1.7", "10.244.1.8"], createdAt: "2027" });
  const attached = (podUid: string) => [
    { podUid, namespace: "shop", addresses: ["10.244.1.7", "fd00:1::7"] },
  ];
  expect(owned([own, claims], attached("static"))).toEqual({
    "10.244.1.7": "own",
    "fd00:1::7": "own",
    "10.244.1.8": "other",
  });
  expect(owned([own, claims], attached("nobody knows"))).toEqual({ "10.244.1.8": "other" });
  expect(owned([{ ...own, ended: true }, claims], attached("static"))).toEqual({ "10.244.1.8": "other" });
});

test("no pod becomes another by the annotation of a mirror", () => {
  const attached = [{ podUid: "victim", namespace: "shop", addresses: ["10.244.1.7"] }];
  const victim = pod("victim", { node: "n1", addresses: [] });
  const mirror = pod("mirror", { node: "n1", runtimeUid: "victim", addresses: [], createdAt: "2025" });
  const later = { ...mirror, uid: "later", name: "later", createdAt: "2027" };
  for (const pods of [
    [victim, mirror],
    [mirror, victim],
  ])
    expect(owned(pods, attached)).toEqual({ "10.244.1.7": "victim" });
  for (const pods of [
    [mirror, later],
    [later, mirror],
  ])
    expect(owned(pods, attached)).toEqual({ "10.244.1.7": "mirror" });
});
