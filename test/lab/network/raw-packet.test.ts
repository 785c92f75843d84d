import { expect, test } from "vitest";
import { echo, encodePacket, type RawPacket, redirect, routerAdvertisement, tcpFlags } from "./raw-packet.ts";

const host = { source: "10.99.0.200", destination: "10.244.2.2" };
const host6 = { source: "fd00:10:99::200", destination: "fd00:10:244:2::2" };
const udp = { protocol: "udp", sourcePort: 20001, destinationPort: 20001, data: Buffer.from("hi") } as const;
const synAck: RawPacket["body"] = {
  protocol: "tcp",
  ...{ sourcePort: 20002, destinationPort: 8080, flags: tcpFlags.syn | tcpFlags.ack, segmentSize: 1220 },
};

// What `tcpdump -vv` reads as the packet of the title, every checksum right but the one that is to be wrong.
test.each<{ readonly what: string; readonly packet: RawPacket; readonly hex: string }>([
  {
    what: "a UDP datagram",
    packet: { ...host, body: udp },
    hex: "4500001e00000000401162af0a6300c80af402024e214e21000ae30d6869",
  },
  {
    what: "a UDP datagram with a wrong checksum",
    packet: { ...host, body: udp, wrongChecksum: true },
    hex: "4500001e00000000401162af0a6300c80af402024e214e21000ab6586869",
  },
  {
    what: "a SYN-ACK over IPv6 that says its segment size",
    packet: { ...host6, body: synAck },
    hex: "6000000000180640fd000010009900000000000000000200fd0000100244000200000000000000024e221f9000000001000000006012ffff2c510000020404c4",
  },
  {
    what: "an echo reply that nobody asked for",
    packet: { ...host, body: echo(4, "reply", 20003, Buffer.from("hi")) },
    hex: "4500001e00000000400162bf0a6300c80af40202000049734e2300006869",
  },
  {
    what: "an echo request over IPv6",
    packet: { ...host6, body: echo(6, "request", 20003, Buffer.from("hi")) },
    hex: "60000000000a3a40fd000010009900000000000000000200fd0000100244000200000000000000028000ca2b4e2300006869",
  },
  {
    what: "a router advertisement with a prefix",
    packet: {
      ...{ source: "fe80::2", destination: "ff02::1", hopLimit: 255 },
      body: routerAdvertisement("fd00:bad::"),
    },
    hex: "6000000000303afffe800000000000000000000000000002ff0200000000000000000000000000018600da83400007080000000000000000030440c0000007080000070800000000fd000bad000000000000000000000000",
  },
  {
    what: "a redirect over IPv6",
    packet: {
      ...{ source: "fe80::2", destination: "fe80::1", hopLimit: 255 },
      body: redirect("fe80::2", "fd00:10:99::1", "fe80::1"),
    },
    hex: "6000000000283afffe800000000000000000000000000002fe80000000000000000000000000000189007d6a00000000fe800000000000000000000000000002fd000010009900000000000000000001",
  },
  {
    what: "a redirect over IPv4, about the node's echo reply",
    packet: {
      ...{ source: "10.99.0.1", destination: "10.99.0.11" },
      body: redirect("10.244.1.2", "10.99.0.200", "10.99.0.11"),
    },
    hex: "4500003800000000400165f40a6300010a63000b0501ef080af401024500001c00000000400165490a63000b0a6300c80000fffe00010000",
  },
])("$what", ({ packet, hex }) => {
  expect(encodePacket(packet).toString("hex")).toBe(hex);
});
