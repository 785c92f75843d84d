import { beforeAll, expect, test } from "vitest";
import { runCtl } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { blockDirectPath } from "../../lab/network/network-faults.ts";
import { addPod, execInNode, type Pod } from "../../lab/pods.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { pings } from "../support/traffic/pings.ts";
import { useLab } from "../support/use-lab.ts";
import { runInX } from "../support/views/guard-view.ts";

/** Two homes behind routers that translate IPv4 and pass native IPv6 that was asked for; pods have IPv4 alone. */
const lab = useLab({ nodes: 2, underlay: [4, 6], behindNat: ["n1", "n2"] });
const pods: Record<"a" | "b", Pod> = {} as never;
const node = (name: string): LabNode => nodeOf(lab(), name);
const mtu = 1280;

beforeAll(async () => {
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
});

test("where the way by IPv4 is blocked, tailscaled reaches its peer directly by the nodes' IPv6", async () => {
  await blockDirectPath(lab(), node("n1"), node("n2"), [4]);
  const wanted = [
    { from: "n1", to: "n2", path: "direct", via: `[${node("n2").address6}]:41642` },
    { from: "n2", to: "n1", path: "direct", via: `[${node("n1").address6}]:41642` },
  ];
  let seen: unknown;
  await waitUntil(
    async () => {
      seen = await peerPaths(lab());
      return JSON.stringify(seen) === JSON.stringify(wanted);
    },
    { what: "direct paths by IPv6", timeoutMs: 60_000, explain: () => JSON.stringify({ wanted, seen }) },
  );
});

test("full packets pass whole both ways", async () => {
  const full = ["-M", "do", "-s", String(mtu - 28)] as const;
  expect(await pings(pods.a, ...full, pods.b.address)).toBe(true);
  expect(await pings(pods.b, ...full, pods.a.address)).toBe(true);
  // Still by that path.
  expect(new Set((await peerPaths(lab())).map(({ path }) => path))).toEqual(new Set(["direct"]));
});

test("X sends by IPv6 as the node, and forwards none", async () => {
  expect(await runInX(node("n1"), ["sysctl", "-n", "net.ipv6.conf.all.forwarding"])).toBe("0\n");
  expect(await runInX(node("n1"), ["ip", "-6", "address", "show", "scope", "global"])).toContain(
    "fd48:4541:4443::2/126",
  );
});

test("neither a neighbour at home nor the provider gets into X by its IPv6", async () => {
  // The node's own home router is both to it.
  const home = node("n2");
  const router = { ...home, netns: home.natNetns ?? "" };
  await execInNode(router, [
    "ip",
    "-6",
    "route",
    "replace",
    "fd48:4541:4443::/126",
    "via",
    home.address6 ?? "",
  ]);
  expect(await pings(router, home.address6 ?? "")).toBe(true);
  expect(await pings(router, "fd48:4541:4443::2")).toBe(false);
  expect(await pings(home, "fd48:4541:4443::2")).toBe(true);
});

test("doctor finds nothing wrong", async () => {
  expect((await runCtl(lab(), node("n1"), ["doctor"])).stdout).not.toContain("FAIL");
});
