import { fileURLToPath } from "node:url";
import { addNetns, inNetns, ipBatch, removeNetns, setSysctls } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import type { FilterLink, FilterPacket } from "../../support/kernel/filter-packet.ts";
import { encodeFrame, readFrame, type SeenFrame } from "./packet-frames.ts";

/** A namespace that forwards between links, and the far ends of them, where packets are made and seen. */
export interface PacketRig {
  /** Name of the namespace whose firewall is under test. */
  readonly netns: string;
  /** Sends the packets one after the other; what came out for each, in the order of `packets`. */
  send(packets: readonly FilterPacket[]): Promise<readonly Emerged[]>;
  remove(): Promise<void>;
}

/** The link that a packet left by and what it looked like then; "nowhere" for one that never left. */
export type Emerged = "nowhere" | ({ readonly link: string } & Omit<SeenFrame, "mark">);

export interface PacketRigOptions {
  readonly label: string;
  readonly links: readonly FilterLink[];
  /** Addresses of the namespace by link, with prefix length. */
  readonly addresses: readonly { readonly link: string; readonly address: string }[];
  /** By which link `fib` finds a source; it finds no other. */
  readonly sources: readonly { readonly link: string; readonly address: string }[];
}

const firstMark = 0x48430000;
const icmpTypes: Readonly<Record<string, Readonly<Record<4 | 6, number>>>> = {
  "echo-request": { 4: 8, 6: 128 },
  redirect: { 4: 5, 6: 137 },
  "nd-redirect": { 4: 5, 6: 137 },
  "nd-router-advert": { 4: 9, 6: 134 },
};
const tcpFlagBits = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** Routing goes by the traffic class alone, so that a test chooses where each packet would leave. */
export async function packetRig({ label, links, addresses, sources }: PacketRigOptions): Promise<PacketRig> {
  const netns = `hcg-${process.pid}-${label}`;
  const world = `${netns}-w`;
  for (const name of [netns, world]) await addNetns(name);
  await setSysctls(netns, {
    ...Object.fromEntries(
      ["all", "default"].flatMap((scope) => [
        [`net.ipv4.conf.${scope}.rp_filter`, "0"],
        [`net.ipv4.conf.${scope}.accept_local`, "1"],
        [`net.ipv4.conf.${scope}.send_redirects`, "0"],
        [`net.ipv6.conf.${scope}.accept_dad`, "0"],
        [`net.ipv6.conf.${scope}.forwarding`, "1"],
      ]),
    ),
    "net.ipv4.ip_forward": "1",
  });
  await ipBatch(
    netns,
    links.flatMap(({ name, group }, at) => [
      `link add ${name} address ${mac(at)} group ${group} arp off type veth peer name ${name} netns ${world}`,
      `link set ${name} up`,
    ]),
  );
  await ipBatch(
    world,
    links.map(({ name }) => `link set ${name} up`),
  );
  await ipBatch(
    netns,
    addresses.map(({ link, address }) => `addr add ${address} dev ${link}`),
  );
  for (const family of ["-4", "-6"] as const)
    await run(["ip", "-n", netns, family, "-batch", "-"], {
      input: [
        ...links.flatMap(({ name }, at) => [
          `rule add pref ${1000 + at} tos 0x${trafficClass(at).toString(16)} lookup ${100 + at}`,
          `route add default dev ${name} table ${100 + at}`,
        ]),
        // fib asks as if from loopback (net/ipv4/netfilter/nft_fib_ipv4.c, nft_fib4_eval), which no forwarded packet is.
        ...sources
          .filter(({ address }) => address.includes(":") === (family === "-6"))
          .map(({ link, address }) => {
            const at = links.findIndex(({ name }) => name === link);
            return `rule add pref 500 iif lo to ${address} lookup ${100 + at}`;
          }),
        "rule add pref 501 iif lo unreachable",
      ].join("\n"),
    });
  const indexes = JSON.parse(await run(["ip", "-n", world, "-json", "link"])) as {
    readonly ifname: string;
    readonly ifindex: number;
  }[];
  const order = links.map(({ name }) => name);

  const frameOf = ({ protocol, ...packet }: FilterPacket, index: number): Buffer => {
    if (protocol === "sctp") throw new Error("the rig makes no SCTP");
    return encodeFrame({
      ...{ ...packet, protocol },
      mac: mac(order.indexOf(packet.input?.name ?? "")),
      trafficClass: trafficClass(order.indexOf(packet.output?.name ?? "")),
      sourcePort: packet.sourcePort ?? 20_000 + index,
      destinationPort: packet.destinationPort ?? 0,
      icmpType: icmpTypes[packet.icmpType ?? "echo-request"]?.[packet.family] ?? 0,
      tcpFlags: (packet.flags ?? []).reduce((bits, flag) => bits | tcpFlagBits[flag], 0),
      mark: firstMark + index,
    });
  };

  return {
    netns,
    send: async (packets) => {
      const frames = packets.map((packet, index) => ({
        link: packet.input?.name ?? "",
        data: frameOf(packet, index).toString("hex"),
      }));
      const script = fileURLToPath(new URL("./packet-process.ts", import.meta.url));
      const far = indexes.map(({ ifname, ifindex }) => `${ifname}=${ifindex}`);
      const printed = await run(
        [...inNetns(world, ["taskset", "-c", "0"]), process.execPath, script, ...far],
        { input: JSON.stringify(frames) },
      );
      const seen = (JSON.parse(printed) as { readonly link: string; readonly data: string }[]).flatMap(
        ({ link, data }) => {
          const frame = readFrame(Buffer.from(data, "hex"));
          // The kernel's own redirects carry the packet that they are about, with its mark.
          return frame === undefined || frame.source.startsWith("fe80:") ? [] : [{ link, frame }];
        },
      );
      return packets.map((_packet, index) => {
        const found = seen.find(({ frame }) => frame.mark === firstMark + index);
        if (found === undefined) return "nowhere";
        const { mark: _mark, ...rest } = found.frame;
        return { link: found.link, ...rest };
      });
    },
    remove: async () => {
      for (const name of [netns, world]) await removeNetns(name);
    },
  };
}

/** Bits that IPv4's rules know (IPTOS_TOS_MASK). */
function trafficClass(at: number): number {
  return (at + 1) * 4;
}

function mac(at: number): string {
  return `02:00:00:00:00:0${at + 1}`;
}
