import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AttachmentPlan } from "../../../../src/domain/attachment/attachment.ts";
import { type RemoteKernel, startRemoteKernel } from "../support/remote-kernel.ts";
import { run } from "../support/run.ts";
import { routerAddresses, samplePlan } from "../support/sample-plan.ts";
import { testNamespaces } from "../support/test-namespaces.ts";

const namespaces = testNamespaces();
let node: string;
let pod: string;
let kernel: RemoteKernel;
let plan: AttachmentPlan;
let count = 0;

beforeAll(async () => {
  node = await namespaces.add("check-node");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[0]}/32`, "dev", "lo");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[1]}/128`, "dev", "lo", "nodad");
  kernel = await startRemoteKernel(node);
});

beforeEach(async () => {
  count += 1;
  pod = await namespaces.add(`check-${count}`);
  plan = samplePlan(pod, count, { ifname: "net1", order: 1 });
  await kernel.podNetwork.attach(plan);
});

afterAll(async () => {
  await kernel.close();
  await namespaces.removeAll();
});

function inNode(...args: string[]): Promise<string> {
  return run("ip", "-n", node, ...args);
}

function inPod(...args: string[]): Promise<string> {
  return run("ip", "-n", pod, ...args);
}

test("what was attached is as planned", async () => {
  expect(await kernel.podNetwork.check(plan)).toEqual([]);
});

test.each<readonly [string, readonly string[], () => Promise<unknown>]>([
  ["the host's end is gone", ["link"], () => inNode("link", "del", plan.hostLink)],
  [
    "the host's end is down",
    ["hostRoute", "link", "neighbour"],
    () => inNode("link", "set", plan.hostLink, "down"),
  ],
  ["the host's end has another MTU", ["mtu"], () => inNode("link", "set", plan.hostLink, "mtu", "1400")],
  ["the host's end left our group", ["link"], () => inNode("link", "set", plan.hostLink, "group", "0")],
  ["the host's end lost its alias", ["link"], () => inNode("link", "set", plan.hostLink, "alias", "mine")],
  ["a host route is gone", ["hostRoute"], () => inNode("route", "del", plan.addresses[0] ?? "")],
  ["an IPv6 host route is gone", ["hostRoute"], () => inNode("-6", "route", "del", plan.addresses[1] ?? "")],
  ["a host route has another source", ["hostRoute"], replaceHostRoute],
  [
    "the host knows another neighbour",
    ["neighbour"],
    () =>
      inNode(
        "neigh",
        "replace",
        plan.addresses[0] ?? "",
        "lladdr",
        "02:00:00:00:00:99",
        "dev",
        plan.hostLink,
      ),
  ],
  ["the pod's end has another name", ["link"], renamePodLink],
  [
    "the pod's end is down",
    ["address", "link", "neighbour", "route"],
    () => inPod("link", "set", "net1", "down"),
  ],
  ["the pod's end has another MTU", ["mtu"], () => inPod("link", "set", "net1", "mtu", "1400")],
  [
    "the pod's end has another MAC",
    ["link", "neighbour"],
    () => inPod("link", "set", "net1", "address", "02:00:00:00:00:98"),
  ],
  [
    "an address is gone",
    ["address"],
    () => inPod("address", "del", `${plan.addresses[1]}/128`, "dev", "net1"),
  ],
  ["the default route is gone", ["route"], () => inPod("route", "del", "default", "metric", "1")],
  ["the route of its own table is gone", ["route"], () => inPod("-6", "route", "flush", "table", "18501")],
  ["the source rule is gone", ["rule"], () => inPod("rule", "del", "priority", "18501")],
  [
    "the gateway's neighbour entry is gone",
    ["neighbour"],
    () => inPod("neigh", "del", "169.254.1.1", "dev", "net1"),
  ],
])("%s: told as %s", async (_, expected, provoke) => {
  await provoke();
  const mismatches = await kernel.podNetwork.check(plan);
  const kinds = [...new Set(mismatches.map(({ what }) => what))].toSorted();
  expect(kinds).toEqual(expected);
  for (const { expected: wanted, found } of mismatches) expect(found).not.toBe(wanted);
});

test("a sandbox that is gone is a failure, no difference", async () => {
  await run("ip", "netns", "del", pod);
  const checking = kernel.podNetwork.check(plan);
  await expect(checking).rejects.toMatchObject({ detail: { code: "NETNS_MISSING", netns: plan.netns } });
});

async function replaceHostRoute(): Promise<void> {
  const [address = ""] = plan.addresses;
  await inNode("route", "replace", address, "dev", plan.hostLink, "proto", "72", "metric", "72");
}

async function renamePodLink(): Promise<void> {
  await inPod("link", "set", "net1", "down");
  await inPod("link", "set", "net1", "name", "net2");
}
