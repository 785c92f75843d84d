import { expect, test } from "vitest";
import { leastPolicy } from "../../../src/domain/headscale-policy/least-policy.ts";
import {
  type ClusterFacts,
  type PolicySettings,
  policyNeeds,
} from "../../../src/domain/headscale-policy/policy-needs.ts";

const tag = "tag:k8s-node";
const settings: PolicySettings = {
  ...{ supernets: ["10.244.0.0/16"], mode: "daemon", approves: true, tags: [tag] },
};
const node = (...addresses: readonly string[]) => ({ name: "n1", addresses, kubeletPort: 10_250 });
const server = (address: string, port = 6443) => ({ address, port, names: [] });

/** The grants beside the pods' own, in short. */
function between(mode: PolicySettings["mode"], facts: ClusterFacts | undefined): readonly string[] {
  const needs = policyNeeds({ ...settings, mode }, [{ names: [tag] }], facts);
  return leastPolicy(needs)
    .grants.slice(1)
    .map(({ src, dst, ip }) => `${src.join()} ${dst.join()} ${ip.join()}`);
}

test("in mode daemon nodes reach nodes at their pods' addresses alone", () => {
  expect(between("daemon", undefined)).toEqual([]);
  const published = node("10.244.1.1");
  expect(between("daemon", { nodes: [published], apiServer: [server("192.0.2.1")] })).toEqual([]);
});

test("nodes with tailnet addresses reach each other's kubelets, and the API servers among them", () => {
  const both = `${tag} ${tag} tcp:6443,tcp:10250`;
  expect(between("host", undefined)).toEqual([both]);
  const nodes = [node("100.64.0.1", "fd7a:115c:a1e0::1"), { ...node("100.64.0.2"), kubeletPort: 10_255 }];
  expect(between("host", { nodes, apiServer: undefined })).toEqual([`${both},tcp:10255`]);
  expect(between("host", { nodes, apiServer: [server("100.64.0.2", 8443)] })).toEqual([
    `${tag} ${tag} tcp:8443,tcp:10250,tcp:10255`,
  ]);
  expect(between("host", { nodes, apiServer: [server("192.0.2.1")] })).toEqual([
    `${tag} ${tag} tcp:10250,tcp:10255`,
  ]);
});

test("an API server in the tailnet that is no Node is reached, and reaches the kubelets", () => {
  const facts = { nodes: [node("100.64.0.1")], apiServer: [server("100.64.0.9")] };
  expect(between("host", facts)).toEqual([
    `${tag} ${tag} tcp:10250`,
    `${tag} 100.64.0.9/32 tcp:6443`,
    `100.64.0.9/32 ${tag} tcp:10250`,
  ]);
});

test("in mode host with kubelets on the underlay nothing but pods needs the tailnet", () => {
  expect(between("host", { nodes: [node("192.0.2.1")], apiServer: [server("192.0.2.1")] })).toEqual([]);
});

test("a node is named by the cluster's own tag where its machine has one, and all its tags are known", () => {
  const members = [{ names: ["tag:home", tag] }, { names: ["tag:db", "tag:disk"] }, { names: ["alice@"] }];
  const { tagOwners, autoApprovers } = leastPolicy(policyNeeds(settings, members, undefined));
  expect(Object.keys(tagOwners)).toEqual(["tag:db", "tag:disk", "tag:home", tag]);
  expect(autoApprovers).toEqual({ routes: { "10.244.0.0/16": ["alice@", "tag:db", tag] } });
});
