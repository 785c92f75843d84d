import { parseAddress } from "../../../../src/domain/addresses/prefix.ts";
import type { Lab } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { echo, encodePacket, type RawPacket, tcpFlags } from "../../network/raw-packet.ts";
import { run } from "../../run-command.ts";

/** A packet that is known wherever it comes by: its ports, or the identifier of its echo, are `number`. */
export interface Probe {
  /** For people: "UDP to 10.244.2.2". */
  readonly what: string;
  readonly number: number;
  readonly packet: RawPacket;
}

/** Below the node ports, and below those that systems choose by themselves. */
const numbers = { first: 20_000, count: 9_000 };
const data = Buffer.from("attack");

const kinds = {
  udp: { word: "UDP", body: udp },
  syn: { word: "TCP SYN", body: (n: number) => tcp(n, tcpFlags.syn) },
  echo: { word: "ICMP echo", body: (n: number, family: 4 | 6) => echo(family, "request", n, data) },
  synAck: { word: "TCP SYN-ACK", body: (n: number) => tcp(n, tcpFlags.syn | tcpFlags.ack) },
  synFin: { word: "TCP SYN+FIN", body: (n: number) => tcp(n, tcpFlags.syn | tcpFlags.fin) },
  ack: { word: "TCP ACK", body: (n: number) => tcp(n, tcpFlags.ack) },
  rst: { word: "TCP RST", body: (n: number) => tcp(n, tcpFlags.rst) },
  badUdp: { word: "UDP with a wrong checksum", body: udp, wrongChecksum: true },
  echoReply: { word: "ICMP echo reply", body: (n: number, family: 4 | 6) => echo(family, "reply", n, data) },
} as const satisfies Record<
  string,
  {
    readonly word: string;
    readonly body: (number: number, family: 4 | 6) => RawPacket["body"];
    readonly wrongChecksum?: true;
  }
>;

export type ProbeKind = keyof typeof kinds;

/** What opens flows, and what pretends to belong to one. */
export const openers: readonly ProbeKind[] = ["udp", "syn", "echo"];
export const pretenders: readonly ProbeKind[] = ["synAck", "synFin", "ack", "rst", "badUdp", "echoReply"];

/** From where to where, of one family. */
export interface ProbeWay {
  readonly source: string;
  readonly destination: string;
  /** Stands in the probe's name instead of the destination: "as the remote pod". */
  readonly named?: string;
}

/** A probe of each kind on each way, numbered from `first` on; ways between two families are left out. */
export function makeProbes(
  ways: readonly ProbeWay[],
  which: readonly ProbeKind[],
  first: number,
): readonly Probe[] {
  return ways
    .filter(isOfOneFamily)
    .flatMap((way) => which.map((kind) => ({ way, kind })))
    .map(({ way: { source, destination, named }, kind }, index) => {
      const { word, body, ...more } = kinds[kind];
      const number = first + index;
      const what = `${word} ${named ?? `to ${destination}`}`;
      const packet = { source, destination, body: body(number, parseAddress(source).family), ...more };
      return { what, number, packet };
    });
}

export function isOfOneFamily({ source, destination }: ProbeWay): boolean {
  return parseAddress(source).family === parseAddress(destination).family;
}

/** The first of numbers that no earlier probe has had, most likely. */
export function freshNumber(): number {
  return numbers.first + Math.floor(Math.random() * numbers.count);
}

/** What finds the probes on a link (pcap-filter(7)), and little else. */
export function probeFilter(probes: readonly Probe[]): string {
  const [first, last] = [probes[0]?.number ?? 0, probes.at(-1)?.number ?? 0];
  return `portrange ${first}-${last} or icmp or icmp6`;
}

/** Which of the probes are among lines that tcpdump printed: `A.PORT > B.PORT:`, `id NUMBER, seq 0, length 14`. */
export function probesIn(lines: readonly string[], probes: readonly Probe[]): readonly Probe[] {
  const echoLength = 8 + data.length;
  return probes.filter(({ number }) => {
    // A translation may change the source port, and other programs choose identifiers, too.
    const mine = new RegExp(` > \\S+\\.${number}: | id ${number}, seq \\d+, length ${echoLength}$`);
    return lines.some((line) => mine.test(line));
  });
}

/** Sends the probes' packets by routing. */
export async function sendProbes(lab: Lab, netns: string, probes: readonly Probe[]): Promise<void> {
  await sendPackets(
    lab,
    netns,
    probes.map(({ packet }) => packet),
  );
}

/** Sends packets as they are, from a namespace of the lab, by routing there or by one link. */
export async function sendPackets(
  lab: Lab,
  netns: string,
  packets: readonly RawPacket[],
  link = "-",
): Promise<void> {
  const hex = packets.map((packet) => encodePacket(packet).toString("hex"));
  await run(inNetns(netns, [lab.tools.attacker, "send", link, ...hex]), { timeoutMs: 20_000 });
}

function udp(number: number) {
  return { protocol: "udp", sourcePort: number, destinationPort: number, data } as const;
}

function tcp(number: number, flags: number) {
  return { protocol: "tcp", sourcePort: number, destinationPort: number, flags } as const;
}
