import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatLinkAlias, parseLinkAlias } from "../../../../src/domain/attachment/link-alias.ts";
import { type RemoteKernel, startRemoteKernel } from "../support/remote-kernel.ts";
import { ipJson, run, succeeds } from "../support/run.ts";
import { routerAddresses, samplePlan } from "../support/sample-plan.ts";
import { killedStorm } from "../support/storm.ts";
import { testNamespaces } from "../support/test-namespaces.ts";

const namespaces = testNamespaces();
let node: string;
let kernel: RemoteKernel;

beforeAll(async () => {
  node = await namespaces.add("recover-node");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[0]}/32`, "dev", "lo");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[1]}/128`, "dev", "lo", "nodad");
  kernel = await startRemoteKernel(node);
});

afterAll(async () => {
  await kernel.close();
  await namespaces.removeAll();
});

async function linkNames(netns: string): Promise<readonly unknown[]> {
  return (await ipJson(netns, "link")).map((link) => link.ifname).filter((name) => name !== "lo");
}

async function releaseAll(): Promise<void> {
  for (const { hostLink } of await kernel.podNetwork.list()) await kernel.podNetwork.detach(hostLink);
  await kernel.podNetwork.removeLeaving();
}

describe("recover", () => {
  test("after 50 kills at random moments of a storm nothing half made is left and nothing answered is lost", async () => {
    const pod = await namespaces.add("storm-pod");
    let halfMade = 0;
    // The storm is one only if it was caught in the act, on however quick a machine.
    for (let kill = 0; kill < 50 || (halfMade === 0 && kill < 1_000); kill++) {
      const lifeMs = Math.random() * 12;
      const record = await killedStorm(node, pod, lifeMs);
      halfMade += (await kernel.podNetwork.list()).filter(({ state }) => state !== "ready").length;
      const recovered = await kernel.podNetwork.recover(routerAddresses);
      const ids = recovered.map(({ containerId }) => containerId);
      const addresses = recovered.flatMap((attachment) => attachment.addresses);
      const context = `kill ${kill} after ${lifeMs} ms`;
      expect(
        recovered.filter(({ state }) => state !== "ready"),
        context,
      ).toEqual([]);
      expect(
        recovered.filter((one) => one.routedAddresses.length !== one.addresses.length),
        context,
      ).toEqual([]);
      expect(new Set(addresses).size, context).toBe(addresses.length);
      expect(
        record.standing.filter((id) => !ids.includes(id)),
        context,
      ).toEqual([]);
      expect(
        record.released.filter((id) => ids.includes(id)),
        context,
      ).toEqual([]);
      expect((await linkNames(node)).toSorted(), context).toEqual(
        recovered.map((one) => one.hostLink).toSorted(),
      );
      expect((await linkNames(pod)).toSorted(), context).toEqual(
        recovered.map((one) => one.ifname).toSorted(),
      );
      await releaseAll();
    }
    expect(await linkNames(node)).toEqual([]);
    expect(halfMade).toBeGreaterThan(0);
  }, 180_000);

  test.each(["pending", "leaving"] as const)("removes an attachment that is %s", async (state) => {
    const pod = await namespaces.add(`half-${state}`);
    const plan = samplePlan(pod, 1);
    await kernel.podNetwork.attach(plan);
    await setAlias(plan.hostLink, (alias) => ({ ...alias, state }));
    expect(await kernel.podNetwork.recover(routerAddresses)).toEqual([]);
    expect([await linkNames(node), await linkNames(pod)]).toEqual([[], []]);
  });

  test("removes a link of our group whose alias says nothing, and no link of others", async () => {
    await run(
      "ip",
      "-n",
      node,
      "link",
      "add",
      "mystery",
      "group",
      "18499",
      "type",
      "veth",
      "peer",
      "name",
      "stranger",
    );
    await run("ip", "-n", node, "link", "add", "foreign", "type", "veth", "peer", "name", "visitor");
    expect(await kernel.podNetwork.recover(routerAddresses)).toEqual([]);
    expect(await linkNames(node)).toEqual(["visitor", "foreign"]);
    await run("ip", "-n", node, "link", "del", "foreign");
  });

  test("gives back routes, preferred sources and neighbours, also after the link was down", async () => {
    const pod = await namespaces.add("repair");
    const plan = samplePlan(pod, 2);
    await kernel.podNetwork.attach(plan);
    await run("ip", "-n", node, "link", "set", plan.hostLink, "down");
    await run("ip", "-n", node, "link", "set", plan.hostLink, "up");
    const [four = "", six = ""] = plan.addresses;
    await run("ip", "-n", node, "route", "add", four, "dev", plan.hostLink, "proto", "72", "metric", "72");
    const [recovered] = await kernel.podNetwork.recover(routerAddresses);
    expect(recovered?.routedAddresses).toEqual(plan.addresses);
    expect(await kernel.podNetwork.check(plan)).toEqual([]);
    for (const address of [four, six])
      expect(await succeeds("nsenter", `--net=/run/netns/${node}`, "ping", "-nqc1", "-W2", address)).toBe(
        true,
      );
    await releaseAll();
  });

  test("puts new router addresses into the routes", async () => {
    const pod = await namespaces.add("renumber");
    const plan = samplePlan(pod, 3);
    await kernel.podNetwork.attach(plan);
    await run("ip", "-n", node, "address", "add", "10.77.0.9/32", "dev", "lo");
    await kernel.podNetwork.recover(["10.77.0.9"]);
    const [route] = await ipJson(node, "route", "show", plan.addresses[0] ?? "");
    expect(route?.prefsrc).toBe("10.77.0.9");
    await releaseAll();
  });

  test("repeated, it changes nothing", async () => {
    const pod = await namespaces.add("idle");
    await kernel.podNetwork.attach(samplePlan(pod, 4));
    const first = await kernel.podNetwork.recover(routerAddresses);
    expect(await kernel.podNetwork.recover(routerAddresses)).toEqual(first);
    expect(await kernel.podNetwork.list()).toEqual(first);
    await releaseAll();
  });
});

type Alias = NonNullable<ReturnType<typeof parseLinkAlias>>;

async function setAlias(link: string, change: (alias: Alias) => Alias): Promise<void> {
  const [row] = await ipJson(node, "link", "show", link);
  const alias = parseLinkAlias(row?.ifalias ?? "");
  if (alias === undefined) throw new Error(`no readable alias on ${link}`);
  await run("ip", "-n", node, "link", "set", link, "alias", formatLinkAlias(change(alias)));
}
