import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inNetns } from "../../lab/network/netns.ts";
import { runResult } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";
import { capture } from "./capture.ts";
import { type GuardedNode, guardedNode, nodeAddress, uplinkAddress } from "./guarded-node.ts";
import { addPod, type TestPod } from "./pod-in-namespace.ts";
import { sampleSettings } from "./sample-settings.ts";
import { laptop, remotePod, remoteRouter, type StandInTailnet, standInTailnet } from "./stand-in-tailnet.ts";

const podAddress = "10.244.1.5";
const router = "10.244.1.1";
let node: GuardedNode;
let pod: TestPod;
let tailnet: StandInTailnet;

beforeAll(async () => {
  node = await guardedNode("traffic", sampleSettings);
  await node.start();
  pod = await addPod(node, "traffic", podAddress);
  tailnet = await standInTailnet(node, "traffic");
});
afterAll(async () => {
  await tailnet?.remove();
  await pod?.remove();
  await node?.remove();
});

const nodeAnswers = async (...ping: string[]) =>
  (await runResult(inNetns(node.names.node, ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", ...ping])))
    .exitCode === 0;

describe("sources on the way into the tailnet", () => {
  test.each([
    { who: "a pod", by: () => pod.answers(remotePod), source: podAddress },
    { who: "the node", by: () => nodeAnswers(remotePod), source: router },
    {
      who: "the node bound to its LAN address",
      by: () => nodeAnswers("-I", nodeAddress, remotePod),
      source: router,
    },
    {
      who: "the node bound to its end of the veth",
      by: () => nodeAnswers("-I", "198.18.0.1", remotePod),
      source: router,
    },
  ])("$who arrives as $source and gets its answer", async ({ by, source }) => {
    const seen = await capture(tailnet.enter, "wire", `icmp and dst ${remotePod}`);
    expect(await by()).toBe(true);
    const lines = (await seen.stop()).filter((line) => line.includes("echo request"));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toContain(`${source} > ${remotePod}`);
  });
});

describe("out of the tailnet", () => {
  test.each([
    { from: remotePod, to: podAddress, passes: true },
    { from: remotePod, to: router, passes: true },
    { from: remoteRouter, to: router, passes: true },
    { from: laptop, to: podAddress, passes: false },
    { from: "10.244.1.77", to: podAddress, passes: false },
    { from: remotePod, to: nodeAddress, passes: false },
    { from: remotePod, to: uplinkAddress, passes: false },
    { from: remotePod, to: "198.18.0.1", passes: false },
    { from: remotePod, to: "10.244.3.1", passes: false },
  ])("$from to $to passes: $passes", async ({ from, to, passes }) => {
    expect(await tailnet.reaches(from, to)).toBe(passes);
  });

  test("a slice of our own prefix that a peer announces takes no traffic away", async () => {
    await node.inX(
      "ip",
      "route",
      "add",
      "10.244.1.0/25",
      "via",
      "100.64.0.2",
      "dev",
      "tailscale0",
      "onlink",
      "table",
      "52",
    );
    expect(await tailnet.reaches(remotePod, podAddress)).toBe(true);
    expect(await nodeAnswers(podAddress)).toBe(true);
    await node.inX("ip", "route", "del", "10.244.1.0/25", "table", "52");
  });
});

test("TCP agrees on segments that fit the tunnel, in both directions", async () => {
  const connect = (from: string, to: string) => `exec 3<>/dev/tcp/${to}/9 || true; : ${from}`;
  const out = await capture(tailnet.enter, "wire", `tcp and dst port 9 and dst ${remotePod}`);
  const into = await capture(
    inNetns(node.names.node, ["env"]),
    "headcni0",
    `tcp and dst port 9 and dst ${router}`,
  );
  await runResult(inNetns(node.names.node, ["bash", "-c", connect(router, remotePod)]));
  await tailnet.in(
    "ip",
    "route",
    "replace",
    "default",
    "via",
    "100.64.0.1",
    "dev",
    "wire",
    "onlink",
    "src",
    remotePod,
  );
  await tailnet.in("bash", "-c", `${connect(remotePod, router)} 2>/dev/null; true`);
  await until(
    () =>
      out.lines().some((line) => line.includes("mss")) && into.lines().some((line) => line.includes("mss")),
    "both SYNs",
  );
  for (const line of [...(await out.stop()), ...(await into.stop())].filter((text) => text.includes("mss")))
    expect(line).toContain("mss 1240");
});

test("a packet too big for the tunnel is answered with its MTU", async () => {
  const tooBig = await runResult(
    inNetns(node.names.node, ["ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", remotePod]),
  );
  expect(tooBig.stdout).toContain("1280");
});

test("peers reach tailscaled at the node's port, and its own packets take the node's address", async () => {
  const inX = ["nsenter", `--net=${node.tailnetPath}`, "--"] as const;
  const arriving = await capture([...inX], "eth0", "udp and dst port 41642");
  await node.inUplink("bash", "-c", `echo hello > /dev/udp/${nodeAddress}/41642`);
  await until(() => arriving.lines().some((line) => line.includes(`${uplinkAddress}.`)), "the packet in X");
  await arriving.stop();
  const leaving = await capture(inNetns(node.names.uplink, ["env"]), "lan0", "icmp or udp");
  await node.inX("ping", "-q", "-c", "1", "-W", "1", uplinkAddress);
  expect((await leaving.stop()).join("\n")).toContain(`${nodeAddress} > ${uplinkAddress}`);
});

describe("no plaintext leaks to the underlay", () => {
  /** Sends from pod, node and tailnet while `broken` holds; what of it the LAN saw, and how often the veth was crossed. */
  const sendAll = async () => {
    const lan = await capture(inNetns(node.names.uplink, ["env"]), "lan0", "icmp");
    const veth = async () =>
      Number((await node.inNode("cat", "/proc/net/dev")).match(/headcni0: *\d+ +(\d+)/)?.[1] ?? 0);
    const before = await veth();
    await Promise.all([
      pod.answers(remotePod),
      nodeAnswers(remotePod),
      nodeAnswers("-I", nodeAddress, remotePod),
    ]);
    const crossed = (await veth()) - before;
    // What may be seen is seen, so what is not seen was not there.
    expect(await nodeAnswers(uplinkAddress)).toBe(true);
    const seen = await lan.stop();
    expect(seen.join("\n")).toContain(`${nodeAddress} > ${uplinkAddress}`);
    return { inClear: seen.filter((line) => line.includes("10.244.")), crossed };
  };

  test("with the tunnel gone, and no packet goes round and round", async () => {
    await tailnet.removeTunnel();
    const { inClear, crossed } = await sendAll();
    expect(inClear).toEqual([]);
    // Nine pings, each refused once.
    expect(crossed).toBeLessThanOrEqual(30);
    await tailnet.addTunnel();
    expect(await pod.answers(remotePod)).toBe(true);
  });

  test.each([
    { what: "the peer's route withdrawn", break: () => node.inX("ip", "route", "flush", "table", "52") },
    { what: "X's veth down", break: () => node.inNode("ip", "link", "set", "headcni0", "down") },
    { what: "X's veth gone", break: () => node.inNode("ip", "link", "del", "headcni0") },
    { what: "table T empty", break: () => node.inNode("ip", "route", "flush", "table", "18499") },
    {
      what: "every rule and refusal gone",
      break: () =>
        node.inNode(
          "sh",
          "-c",
          "ip rule del pref 5190; ip route flush type unreachable; ip route flush table 18499 type unreachable",
        ),
    },
  ])("with $what, though no guard runs", async ({ break: breakIt }) => {
    await node.kill();
    await breakIt();
    expect((await sendAll()).inClear).toEqual([]);
    await node.start();
  });
});

test("a flow that a pod opens while nothing guards the node leaves with the pod's address no longer than that, others do not suffer", async () => {
  // As of kube-proxy: without any such rule the kernel keeps no flows, and a later packet counts as a first one.
  await node.inNode(
    "nft",
    "add table inet other; add chain inet other f { type filter hook forward priority 0; }; add rule inet other f ct state new",
  );
  await node.kill();
  await node.inNode("nft", "delete table inet headcni");
  const lan = await capture(inNetns(node.names.uplink, ["env"]), "lan0", "icmp");
  const inClear = () =>
    lan.lines().filter((line) => line.includes(`${podAddress} > ${uplinkAddress}`)).length;
  const [program, ...args] = [...pod.enter, "ping", "-q", "-i", "0.2", uplinkAddress];
  const ping = spawn(program as string, args, { stdio: "ignore" });
  try {
    await until(() => inClear() > 1, "the flow leaves unencrypted");
    await node.start();
    const before = inClear();
    const refused = async () =>
      Number(
        (await node.inNode("nft", "list", "chain", "inet", "headcni", "forward")).match(
          /counter packets (\d+) .*kept-source-4/,
        )?.[1] ?? 0,
      );
    await until(async () => (await refused()) > 2, "its packets are refused");
    expect(inClear()).toBe(before);
    expect(await pod.answers(uplinkAddress)).toBe(true);
  } finally {
    ping.kill("SIGKILL");
    await lan.stop();
    await node.inNode("nft", "delete table inet other");
  }
});
