import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { KernelChange } from "../../../../src/domain/kernel/kernel-state.ts";
import { until } from "../../../support/until.ts";
import { type RemoteKernel, startRemoteKernel } from "../support/remote-kernel.ts";
import { run, runWithInput } from "../support/run.ts";
import { routerAddresses, samplePlan } from "../support/sample-plan.ts";
import { namespacePath, testNamespaces } from "../support/test-namespaces.ts";

const namespaces = testNamespaces();
let node: string;
let other: string;
let kernel: RemoteKernel;
let seen: number;

beforeAll(async () => {
  node = await namespaces.add("watch-node");
  other = await namespaces.add("watch-other");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[0]}/32`, "dev", "lo");
  await run("ip", "-n", node, "address", "add", `${routerAddresses[1]}/128`, "dev", "lo", "nodad");
  kernel = await startRemoteKernel(node);
  await kernel.state.openNamespace("tailnet", namespacePath(other));
});

beforeEach(async () => {
  await quiet();
});

afterAll(async () => {
  await kernel.close();
  await namespaces.removeAll();
});

/** What was told since the last `quiet`. */
function told(): readonly KernelChange[] {
  return kernel.changes.slice(seen);
}

function hears(expected: Partial<KernelChange>): Promise<unknown> {
  const matches = (change: KernelChange): boolean =>
    Object.entries(expected).every(([key, value]) => change[key as keyof KernelChange] === value);
  return until(() => told().some(matches), `a change like ${JSON.stringify(expected)}`);
}

/** Provokes one change of our choice and waits for it: whatever came before has been told by then. */
async function quiet(): Promise<void> {
  seen = kernel.changes.length;
  const marker = `mark${seen}`;
  await run("ip", "-n", node, "link", "add", marker, "type", "veth", "peer", "name", `${marker}p`);
  await hears({ what: "link", removed: false, subject: marker });
  await run("ip", "-n", node, "link", "del", marker);
  await hears({ what: "link", removed: true, subject: marker });
  await hears({ what: "link", removed: true, subject: `${marker}p` });
  seen = kernel.changes.length;
}

describe("watch", () => {
  test("tells that a foreign hand took a pod's host route", async () => {
    const pod = await namespaces.add("watch-route");
    const plan = samplePlan(pod, 1);
    await kernel.podNetwork.attach(plan);
    await run("ip", "-n", node, "route", "del", plan.addresses[0] ?? "");
    await hears({ namespace: "node", what: "route", removed: true, subject: "10.77.1.1/32 in table 254" });
    await release(plan.hostLink);
  });

  test("tells that a foreign hand took or downed a pod's link", async () => {
    const pod = await namespaces.add("watch-link");
    const plan = samplePlan(pod, 2);
    await kernel.podNetwork.attach(plan);
    await run("ip", "-n", node, "link", "set", plan.hostLink, "down");
    await hears({ what: "link", removed: false, subject: plan.hostLink });
    await run("ip", "-n", node, "link", "del", plan.hostLink);
    await hears({ what: "link", removed: true, subject: plan.hostLink });
  });

  test("tells of rules, addresses and nftables in both namespaces", async () => {
    for (const [name, netns] of [
      ["node", node],
      ["tailnet", other],
    ] as const) {
      await run("ip", "-n", netns, "rule", "add", "from", "192.0.2.0/24", "lookup", "99", "priority", "4711");
      await run(
        "ip",
        "-n",
        netns,
        "-6",
        "rule",
        "add",
        "from",
        "2001:db8::/32",
        "lookup",
        "99",
        "priority",
        "4712",
      );
      await run("ip", "-n", netns, "rule", "del", "priority", "4711");
      await run("ip", "-n", netns, "-6", "rule", "del", "priority", "4712");
      await run("ip", "-n", netns, "address", "add", "192.0.2.1/32", "dev", "lo");
      await run("ip", "-n", netns, "address", "del", "192.0.2.1/32", "dev", "lo");
      await run("nsenter", `--net=${namespacePath(netns)}`, "nft", "add table inet watched");
      await hears({ namespace: name, what: "nftables", removed: false });
      await run("nsenter", `--net=${namespacePath(netns)}`, "nft", "delete table inet watched");
      for (const subject of ["4711", "4712"]) {
        await hears({ namespace: name, what: "rule", removed: false, subject });
        await hears({ namespace: name, what: "rule", removed: true, subject });
      }
      await hears({ namespace: name, what: "address", removed: true, subject: "192.0.2.1/32 on link 1" });
      await hears({ namespace: name, what: "nftables", removed: true });
    }
  });

  test("says nothing about what the daemon itself does with pods", async () => {
    const pod = await namespaces.add("watch-own");
    const lives = Array.from({ length: 20 }, async (_, index) => {
      const plan = samplePlan(pod, 100 + index, { ifname: `e${index}` });
      await kernel.podNetwork.attach(plan);
      await release(plan.hostLink);
    });
    await Promise.all(lives);
    await run("ip", "-n", node, "rule", "add", "from", "192.0.2.0/24", "lookup", "99", "priority", "4713");
    await hears({ what: "rule", removed: false, subject: "4713" });
    expect(told().filter(({ what }) => what !== "rule")).toEqual([]);
  });

  test("tells an overrun when more happened than the socket could hold", async () => {
    process.kill(kernel.pid, "SIGSTOP");
    try {
      const routes = Array.from({ length: 30_000 }, (_, index) => `198.18.${index >> 8}.${index & 255}/32`);
      const batch = routes.map((route) => `route add blackhole ${route} table 4711`).join("\n");
      await runWithInput(batch, "ip", "-n", node, "-batch", "-");
    } finally {
      process.kill(kernel.pid, "SIGCONT");
    }
    await hears({ namespace: "node", what: "overrun" });
    await run("ip", "-n", node, "rule", "add", "from", "192.0.2.0/24", "lookup", "99", "priority", "4714");
    await hears({ what: "rule", removed: false, subject: "4714" });
  });
});

async function release(hostLink: string): Promise<void> {
  await kernel.podNetwork.detach(hostLink);
  await kernel.podNetwork.removeLeaving();
}
