import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AttachmentPlan } from "../../../../src/domain/attachment/attachment.ts";
import { type RemoteKernel, startRemoteKernel } from "../support/remote-kernel.ts";
import { ipJson, run, succeeds } from "../support/run.ts";
import { routerAddresses, samplePlan } from "../support/sample-plan.ts";
import { testNamespaces } from "../support/test-namespaces.ts";

const namespaces = testNamespaces();
let node: string;
let kernel: RemoteKernel;

beforeAll(async () => {
  node = await namespaces.add("attach-node");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[0]}/32`, "dev", "lo");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[1]}/128`, "dev", "lo", "nodad");
  kernel = await startRemoteKernel(node);
});

afterAll(async () => {
  await kernel.close();
  await namespaces.removeAll();
});

function attach(plan: AttachmentPlan): ReturnType<RemoteKernel["podNetwork"]["attach"]> {
  return kernel.podNetwork.attach(plan);
}

async function refusal(attaching: Promise<unknown>): Promise<unknown> {
  return attaching.then(
    () => "attached",
    (error) => error.detail,
  );
}

async function release(plan: AttachmentPlan): Promise<void> {
  await kernel.podNetwork.detach(plan.hostLink);
  await kernel.podNetwork.removeLeaving();
}

async function linkNames(netns: string): Promise<readonly unknown[]> {
  return (await ipJson(netns, "link")).map((link) => link.ifname).filter((name) => name !== "lo");
}

describe("attach", () => {
  test("the pod answers on both its addresses, seen from the node and from another pod", async () => {
    const [first, second] = [await namespaces.add("ping-1"), await namespaces.add("ping-2")];
    const plans = [samplePlan(first, 1), samplePlan(second, 2)] as const;
    await Promise.all(plans.map(attach));
    await run("nsenter", `--net=/run/netns/${node}`, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    await run("nsenter", `--net=/run/netns/${node}`, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
    for (const from of [node, first])
      for (const address of plans[1].addresses)
        expect([from, address, await answersPing(from, address)]).toEqual([from, address, true]);
    await Promise.all(plans.map(release));
  });

  test("packets of the node carry its router address", async () => {
    const pod = await namespaces.add("source");
    const plan = samplePlan(pod, 3);
    await attach(plan);
    const routes = await Promise.all(plan.addresses.map((address) => ipJson(node, "route", "get", address)));
    expect(routes.map(([route]) => route?.prefsrc)).toEqual(routerAddresses);
    await release(plan);
  });

  test("the host's end has no address, not even a link-local one, and takes no router advertisements", async () => {
    const pod = await namespaces.add("no-address");
    const plan = samplePlan(pod, 4);
    await attach(plan);
    const [link] = await ipJson(node, "address", "show", "dev", plan.hostLink);
    expect(link?.addr_info).toEqual([]);
    const sysctl = `net.ipv6.conf.${plan.hostLink}.accept_ra`;
    expect(await run("nsenter", `--net=/run/netns/${node}`, "sysctl", "-n", sysctl)).toBe("0\n");
    await release(plan);
  });

  test("two attachments racing for one address: exactly one wins and the other leaves nothing", async () => {
    const [first, second] = [await namespaces.add("race-1"), await namespaces.add("race-2")];
    const plans = [
      samplePlan(first, 5),
      { ...samplePlan(second, 6), addresses: samplePlan(first, 5).addresses },
    ];
    const outcomes = await Promise.all(plans.map((plan) => refusal(attach(plan))));
    expect(outcomes.toSorted()).toEqual(
      ["attached", { code: "ADDRESS_TAKEN", address: "10.77.1.5" }].toSorted(),
    );
    const loser = plans[outcomes.findIndex((outcome) => outcome !== "attached")];
    expect(await linkNames(node)).not.toContain(loser?.hostLink);
    expect(await linkNames(loser === plans[0] ? first : second)).toEqual([]);
    await Promise.all(plans.map(release));
  });

  test("an IPv6 address that is taken counts even where the IPv4 address is free", async () => {
    const [first, second] = [await namespaces.add("v6-1"), await namespaces.add("v6-2")];
    const plan = samplePlan(first, 7);
    const rival = { ...samplePlan(second, 8), addresses: ["10.77.1.8", plan.addresses[1] ?? ""] };
    await attach(plan);
    expect(await refusal(attach(rival))).toEqual({ code: "ADDRESS_TAKEN", address: plan.addresses[1] });
    expect(await ipJson(node, "route", "show", "10.77.1.8")).toEqual([]);
    await release(plan);
  });

  test("an interface name that the pod already has is refused and nothing is left on the node", async () => {
    const pod = await namespaces.add("taken");
    await run("ip", "-n", pod, "link", "add", "eth0", "type", "veth", "peer", "name", "other");
    expect(await refusal(attach(samplePlan(pod, 9)))).toEqual({ code: "IFNAME_TAKEN", ifname: "eth0" });
    expect(await linkNames(node)).toEqual([]);
  });

  test("a second attachment of a key whose link exists is refused and harms the first in nothing", async () => {
    const pod = await namespaces.add("twice");
    const plan = samplePlan(pod, 10);
    await attach(plan);
    const before = await kernel.podNetwork.list();
    expect(await refusal(attach(plan))).toMatchObject({ code: "KERNEL_REFUSED", errno: "EEXIST" });
    expect(await kernel.podNetwork.list()).toEqual(before);
    expect(await answersPing(node, "10.77.1.10")).toBe(true);
    await release(plan);
  });

  test.each([
    ["a path that is not there", "/run/netns/hcnl-none", "NETNS_MISSING"],
    ["a path below a file", "/etc/hostname/netns", "NETNS_MISSING"],
    ["a plain file", "/etc/hostname", "NETNS_INVALID"],
    ["a namespace of another kind", "/proc/self/ns/mnt", "NETNS_INVALID"],
    ["the node's own namespace", "/proc/self/ns/net", "NETNS_INVALID"],
  ])("%s is no sandbox", async (_, netns, code) => {
    expect(await refusal(attach({ ...samplePlan("unused", 11), netns }))).toEqual({ code, netns });
    expect(await linkNames(node)).toEqual([]);
  });

  test("a failure inside the pod takes the host's end away again", async () => {
    const pod = await namespaces.add("broken");
    const plan = { ...samplePlan(pod, 12), addresses: ["10.77.1.12", "::"] };
    expect(await refusal(attach(plan))).toMatchObject({ code: "KERNEL_REFUSED" });
    expect([await linkNames(node), await linkNames(pod)]).toEqual([[], []]);
  });

  test("IPv6 works in a sandbox that starts with IPv6 switched off", async () => {
    const pod = await namespaces.add("v6-off");
    await run("nsenter", `--net=/run/netns/${pod}`, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
    const plan = samplePlan(pod, 14);
    await attach(plan);
    expect(await answersPing(node, plan.addresses[1] ?? "")).toBe(true);
    await release(plan);
  });

  test("a second interface answers on its own address and sends from it through itself", async () => {
    const pod = await namespaces.add("second");
    const plans = [samplePlan(pod, 15), samplePlan(pod, 16, { ifname: "net1", order: 1 })] as const;
    for (const plan of plans) await attach(plan);
    for (const address of plans[1].addresses) expect(await answersPing(node, address)).toBe(true);
    const family = ["-4", "-6"];
    const ways = await Promise.all(
      plans[1].addresses.map((address, index) =>
        ipJson(pod, family[index] ?? "", "route", "get", routerAddresses[index] ?? "", "from", address),
      ),
    );
    expect(ways.map(([way]) => way?.dev)).toEqual(["net1", "net1"]);
    await Promise.all(plans.map(release));
  });

  test("a second interface that came back with another address has one rule, for that address", async () => {
    const pod = await namespaces.add("again");
    const plan = samplePlan(pod, 17, { ifname: "net1", order: 1 });
    const later = { ...plan, addresses: samplePlan(pod, 18).addresses };
    await attach(plan);
    await release(plan);
    await attach(later);
    const rules = (await ipJson(pod, "rule")).filter((rule) => rule.priority === 18501);
    expect(rules.map((rule) => rule.src)).toEqual(["10.77.1.18"]);
    await release(later);
  });
});

describe("detach", () => {
  test("leaves no link, route or address on the node or in the pod", async () => {
    const pod = await namespaces.add("detach");
    const plan = samplePlan(pod, 20);
    const before = await everything(node);
    await attach(plan);
    await release(plan);
    expect(await everything(node)).toEqual(before);
    expect(await linkNames(pod)).toEqual([]);
  });

  test("the address answers no more once it resolved, before the link is gone", async () => {
    const pod = await namespaces.add("silent");
    const plan = samplePlan(pod, 21);
    await attach(plan);
    expect(await kernel.podNetwork.detach(plan.hostLink)).toBe(true);
    expect(await ipJson(node, "route", "show", "10.77.1.21")).toEqual([]);
    expect(await linkNames(node)).toContain(plan.hostLink);
    await kernel.podNetwork.removeLeaving();
    expect(await linkNames(node)).not.toContain(plan.hostLink);
    // Both names are free again.
    expect(await kernel.podNetwork.attach({ ...plan, addresses: ["10.77.1.22"] })).toBeDefined();
    await release(plan);
  });

  test("succeeds when repeated, and for a link that never was", async () => {
    const pod = await namespaces.add("repeat");
    const plan = samplePlan(pod, 23);
    await attach(plan);
    await Promise.all([release(plan), release(plan)]);
    await release(plan);
    expect(await kernel.podNetwork.detach("hcneverwas")).toBe(false);
  });

  test("does not touch a link of that name that is not ours", async () => {
    await run("ip", "-n", node, "link", "add", "hcforeign", "type", "veth", "peer", "name", "other");
    await release({ ...samplePlan("unused", 24), hostLink: "hcforeign" });
    expect(await linkNames(node)).toContain("hcforeign");
    await run("ip", "-n", node, "link", "del", "hcforeign");
  });

  test("succeeds when the sandbox took the link with it", async () => {
    const pod = await namespaces.add("vanished");
    const plan = samplePlan(pod, 25);
    await attach(plan);
    await run("ip", "netns", "del", pod);
    await release(plan);
    expect(await kernel.podNetwork.list()).toEqual([]);
  });

  test("a storm of short lives leaves nothing", async () => {
    const pod = await namespaces.add("storm");
    const before = await everything(node);
    const lives = Array.from({ length: 120 }, async (_, index) => {
      const plan = samplePlan(pod, 100 + index, { ifname: `e${index}` });
      await attach(plan);
      await release(plan);
    });
    await Promise.all(lives);
    expect(await everything(node)).toEqual(before);
  });
});

function answersPing(from: string, address: string): Promise<boolean> {
  return succeeds("nsenter", `--net=/run/netns/${from}`, "ping", "-nqc1", "-W2", address);
}

async function everything(netns: string): Promise<unknown> {
  const parts = [
    ["address"],
    ["-4", "route", "show", "table", "all"],
    ["-6", "route", "show", "table", "all"],
  ];
  const neighbours = await ipJson(netns, "neighbour", "show", "nud", "permanent");
  return [...(await Promise.all(parts.map((part) => ipJson(netns, ...part)))), neighbours];
}
