import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { internetChecksum } from "../../../src/adapters/netlink/echo/icmp-echo.ts";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { inNetns, setSysctls } from "../../lab/network/netns.ts";
import { type CommandLine, run } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";
import { encodeFrame, type Frame } from "../nftables/packet-frames.ts";
import { type Capture, capture } from "./capture.ts";
import { type GuardedNode, guardedNode, nodeAddress, uplinkAddress } from "./guarded-node.ts";
import { addPod, type TestPod } from "./pod-in-namespace.ts";
import { sampleSettings } from "./sample-settings.ts";
import { remotePod, remoteRouter, type StandInTailnet, standInTailnet } from "./stand-in-tailnet.ts";

const podAddress = "10.244.1.5";
const router = "10.244.1.1";
const service = "10.96.0.10";
/** A neighbour that may, and the address of it that may not is `uplinkAddress`. */
const allowed = "10.77.0.8";
const settings: NamespaceGuard = {
  ...sampleSettings,
  services: ["10.96.0.0/16"],
  allowFromUnderlay: { prefixes: [`${allowed}/32`], links: [] },
};
/** What kube-proxy does: node ports 30080 and 30081 to a pod here and elsewhere, one Service. */
const kubeProxy = `table inet kube {
  chain services {
    type nat hook prerouting priority -110;
    fib daddr type local udp dport 30080 dnat ip to ${podAddress}:5353
    fib daddr type local udp dport 30081 dnat ip to ${remotePod}:5353
    ip daddr ${service} udp dport 5353 dnat ip to ${podAddress}:5353
  }
}
table inet others { chain untracked { type filter hook prerouting priority -310; udp sport 7777 notrack; }; }`;
/** Source port of the packets that are let through: where one is seen, those sent before it had their time. */
const honestPort = 4242;

interface Place {
  readonly enter: CommandLine;
  readonly link: string;
}

let node: GuardedNode;
let pod: TestPod;
let tailnet: StandInTailnet;
/** Where packets are made: a neighbour on the LAN, and the pod; each with the link that takes them in. */
let lan: Place & { readonly mac: string };
let inPod: Place & { readonly mac: string };

beforeAll(async () => {
  node = await guardedNode("attacks", settings);
  await node.start();
  pod = await addPod(node, "attacks", podAddress);
  tailnet = await standInTailnet(node, "attacks");
  const inLan = inNetns(node.names.uplink, ["env"]);
  lan = { enter: inLan, link: "lan0", mac: await macOf(inNetns(node.names.node, ["env"]), "up0") };
  inPod = { enter: pod.enter, link: "eth0", mac: await macOf(inNetns(node.names.node, ["env"]), "pod5") };
  await node.inNodeWith(kubeProxy, "nft", "-f", "-");
  await node.inUplink("ip", "addr", "add", `${allowed}/24`, "dev", "lan0");
  await node.inUplink("ip", "addr", "add", "fd77::1/64", "dev", "lan0", "nodad");
  await node.inNode("ip", "addr", "add", "fd77::2/64", "dev", "up0", "nodad");
  // Nothing but our own rules is in the way of what is made up.
  await setSysctls(node.names.node, {
    ...Object.fromEntries(["all", "up0", "pod5"].map((link) => [`net.ipv4.conf.${link}.rp_filter`, "0"])),
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.pod5.accept_ra": "2",
  });
  await node.settled();
});
afterAll(async () => {
  await tailnet?.remove();
  await pod?.remove();
  await node?.remove();
});

interface LinkRow {
  readonly address: string;
  readonly ifindex: number;
}

async function linkOf(enter: CommandLine, link: string): Promise<LinkRow> {
  const [row] = JSON.parse(await run([...enter, "ip", "-json", "link", "show", link])) as LinkRow[];
  if (row === undefined) throw new Error(`no link ${link}`);
  return row;
}

async function macOf(enter: CommandLine, link: string): Promise<string> {
  return (await linkOf(enter, link)).address;
}

type Made = Pick<Frame, "source" | "destination"> & Partial<Frame>;

/** A UDP datagram to port 9, unless it says otherwise. */
function frame({ mac }: { readonly mac: string }, made: Made): Buffer {
  const family = made.source.includes(":") ? 6 : 4;
  const common = { mac, family, protocol: "udp", sourcePort: 999, destinationPort: 9 } as const;
  return encodeFrame({ ...common, trafficClass: 0, tcpFlags: 0, icmpType: 0, mark: 0, ...made });
}

async function send(from: Place, frames: readonly Buffer[]): Promise<void> {
  const script = fileURLToPath(new URL("./frames-process.ts", import.meta.url));
  const { ifindex } = await linkOf(from.enter, from.link);
  const input = JSON.stringify(frames.map((one) => one.toString("hex")));
  await run([...from.enter, process.execPath, script, String(ifindex)], { input });
}

/** The packets, one line each, that `at` saw of the frames, the honest one at their end left away. */
async function seenAt(
  at: Promise<Capture>,
  from: Place,
  frames: readonly Buffer[],
): Promise<readonly string[]> {
  const seen = await at;
  await send(from, frames);
  const isHonest = (line: string) => line.includes(`.${honestPort} > `);
  await until(() => seen.lines().some(isHonest), "the honest packet");
  return (await seen.stop()).filter((line) => line.includes(" > ") && !isHonest(line));
}

const atRemotePod = () => capture(tailnet.enter, "wire", `dst ${remotePod}`);
const atPod = () => capture(inNetns(node.names.node, ["env"]), "pod5", `dst ${podAddress}`);
const atLan = () => capture(lan.enter, "lan0", "tcp or udp");
const throughNodePort = (port: 30080 | 30081) =>
  frame(lan, {
    source: uplinkAddress,
    destination: nodeAddress,
    sourcePort: honestPort,
    destinationPort: port,
  });

const syn = 2;
const ack = 16;
const corrupted = (whole: Buffer) => {
  const udpChecksum = 14 + 20 + 6;
  whole.writeUInt16BE(whole.readUInt16BE(udpChecksum) ^ 0xffff, udpChecksum);
  return whole;
};
/** Of every state that conntrack knows besides a known flow's. */
const ofEveryKind = (source: string, destination: string): readonly Buffer[] => [
  frame(lan, { source, destination }),
  corrupted(frame(lan, { source, destination })),
  frame(lan, { source, destination, sourcePort: 7777 }),
  ...[syn, syn | ack, syn | 1, 4, ack].map((tcpFlags) =>
    frame(lan, { source, destination, protocol: "tcp", tcpFlags }),
  ),
  ...[8, 0].map((icmpType) => frame(lan, { source, destination, protocol: "icmp", icmpType })),
];

test("a neighbour's route through the node leads to no pod elsewhere", async () => {
  const frames = [...ofEveryKind(uplinkAddress, remotePod), throughNodePort(30081)];
  expect(await seenAt(atRemotePod(), lan, frames)).toEqual([]);
});

test("a neighbour's route through the node leads to no pod on it", async () => {
  const frames = [...ofEveryKind(uplinkAddress, podAddress), throughNodePort(30080)];
  expect(await seenAt(atPod(), lan, frames)).toEqual([]);
});

test("a neighbour's route through the node leads to no Service", async () => {
  const asked = { source: uplinkAddress, destination: service, destinationPort: 5353 };
  const frames = [frame(lan, asked), throughNodePort(30080)];
  expect(await seenAt(atPod(), lan, frames)).toEqual([]);
});

test("a neighbour sends as no pod, not even to a node port", async () => {
  const sources = [remotePod, remoteRouter, podAddress, "10.244.1.9", router, "10.244.77.7"];
  const frames = sources.map((source) =>
    frame(lan, { source, destination: nodeAddress, destinationPort: 30080 }),
  );
  expect(await seenAt(atPod(), lan, [...frames, throughNodePort(30080)])).toEqual([]);
});

test("a neighbour that is allowed reaches pods and Services", async () => {
  const source = allowed;
  const [here, elsewhere] = [await atPod(), await atRemotePod()];
  await send(lan, [
    frame(lan, { source, destination: podAddress, sourcePort: 1001 }),
    frame(lan, { source, destination: service, sourcePort: 1002, destinationPort: 5353 }),
    frame(lan, { source, destination: remotePod, sourcePort: 1003 }),
  ]);
  await until(
    () => [1001, 1002].every((port) => here.lines().some((line) => line.includes(`.${port} >`))),
    "both",
  );
  await until(
    () => elsewhere.lines().some((line) => line.includes(`${router}.1003 > ${remotePod}.9`)),
    "the third",
  );
  await Promise.all([here.stop(), elsewhere.stop()]);
});

test("a pod sends to the tailnet from its own address alone", async () => {
  const sources = ["10.244.1.9", router, "10.244.2.9", nodeAddress, uplinkAddress, "192.0.2.7", "198.18.0.2"];
  const frames = sources.map((source) => frame(inPod, { source, destination: remotePod }));
  const honest = frame(inPod, { source: podAddress, destination: remotePod, sourcePort: honestPort });
  expect(await seenAt(atRemotePod(), inPod, [...frames, honest])).toEqual([]);
});

const honestToLan = () =>
  frame(inPod, { source: podAddress, destination: uplinkAddress, sourcePort: honestPort });

test("a pod sends to the LAN from no address of IPv6 that it was not given", async () => {
  const sources = ["2001:db8::bad", "fd77::1", "fd00:1::9"];
  const frames = sources.map((source) => frame(inPod, { source, destination: "fd77::1" }));
  expect(await seenAt(atLan(), inPod, [...frames, honestToLan()])).toEqual([]);
});

test("what NAT leaves alone does not leave with a pod's address, nor anything for a Service without a rule", async () => {
  const frames = [
    frame(inPod, { source: podAddress, destination: uplinkAddress, protocol: "tcp", tcpFlags: syn | ack }),
    frame(inPod, { source: podAddress, destination: uplinkAddress, sourcePort: 7777 }),
    frame(inPod, { source: podAddress, destination: "10.96.0.99", destinationPort: 53 }),
  ];
  expect(await seenAt(atLan(), inPod, [...frames, honestToLan()])).toEqual([]);
});

/** RFC 4861, section 4.2, for half an hour. */
function routerAdvertisement(): Buffer {
  const source = Buffer.from("fe800000000000000000000000000005", "hex");
  const everyNode = Buffer.from("ff020000000000000000000000000001", "hex");
  const body = Buffer.from("86000000400007080000000000000000", "hex");
  const pseudo = Buffer.from([0, 0, 0, body.length, 0, 0, 0, 58]);
  body.writeUInt16BE(internetChecksum(Buffer.concat([source, everyNode, pseudo, body])), 2);
  const ethernet = Buffer.from("3333000000010200000000ff86dd", "hex");
  return Buffer.concat([
    ethernet,
    Buffer.from([0x60, 0, 0, 0, 0, body.length, 58, 255]),
    source,
    everyNode,
    body,
  ]);
}

test("a pod that advertises itself gives the node no route, even where its link would take one", async () => {
  expect(await node.inNode("sysctl", "-n", "net.ipv6.conf.pod5.accept_ra")).toBe("2\n");
  expect(await seenAt(atLan(), inPod, [routerAdvertisement(), honestToLan()])).toEqual([]);
  expect(await node.inNode("ip", "-6", "route", "show", "proto", "ra")).toBe("");
});

test("a pod and the LAN that it asks talk", async () => {
  expect(await pod.answers(uplinkAddress)).toBe(true);
  expect(await pod.answers(remotePod)).toBe(true);
});
