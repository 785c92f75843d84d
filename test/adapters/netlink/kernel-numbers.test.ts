import { beforeAll, describe, expect, test } from "vitest";
import { socketAddress } from "../../../src/adapters/netlink/echo/icmp-echo.ts";
import { readRefusal } from "../../../src/adapters/netlink/netlink-socket.ts";
import { newAddress } from "../../../src/adapters/netlink/wire-format/address-messages.ts";
import { addressFamily } from "../../../src/adapters/netlink/wire-format/attribute-values.ts";
import { getLink, setLink } from "../../../src/adapters/netlink/wire-format/link-messages.ts";
import { permanentNeighbour } from "../../../src/adapters/netlink/wire-format/neighbour-messages.ts";
import { encodeMessages } from "../../../src/adapters/netlink/wire-format/netlink-message.ts";
import {
  decodeRoute,
  dumpRoutes,
  lookUpRoute,
  newRoute,
} from "../../../src/adapters/netlink/wire-format/route-messages.ts";
import { newRule } from "../../../src/adapters/netlink/wire-format/rule-messages.ts";
import type { KernelRoute } from "../../../src/domain/kernel/kernel-state.ts";
import { cNumbers } from "./support/c-numbers.ts";
import { headerNumbers } from "./support/header-numbers.ts";
import { sourceConstants } from "./support/source-constants.ts";

/** By file and name in the adapter, outside of the wire format's kernel headers: the same in C. */
const inC: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  echoes: {
    rawNonblockCloexec: "SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC",
    dontWait: "MSG_DONTWAIT",
    "protocols.4": "IPPROTO_ICMP",
    "protocols.6": "IPPROTO_ICMPV6",
    "filters.4.level": "SOL_RAW",
    "filters.4.bytes": "sizeof(struct icmp_filter)",
    "filters.4.reply": "ICMP_ECHOREPLY",
    "filters.6.level": "IPPROTO_ICMPV6",
    "filters.6.bytes": "sizeof(struct icmp6_filter)",
    "filters.6.reply": "ICMP6_ECHO_REPLY",
    filterOption: "ICMP_FILTER == ICMP6_FILTER ? ICMP_FILTER : -1",
    "discover.4.level": "IPPROTO_IP",
    "discover.4.option": "IP_MTU_DISCOVER",
    "discover.6.level": "IPPROTO_IPV6",
    "discover.6.option": "IPV6_MTU_DISCOVER",
    discoverProbe: "IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE ? IP_PMTUDISC_PROBE : -1",
    "headersBytes.4": "sizeof(struct iphdr) + sizeof(struct icmphdr)",
    "headersBytes.6": "sizeof(struct ip6_hdr) + sizeof(struct icmp6_hdr)",
  },
  "icmp-echo": {
    headerLength: "sizeof(struct icmphdr)",
    "echoTypes.4.request": "ICMP_ECHO",
    "echoTypes.4.reply": "ICMP_ECHOREPLY",
    "echoTypes.6.request": "ICMP6_ECHO_REQUEST",
    "echoTypes.6.reply": "ICMP6_ECHO_REPLY",
  },
  libc: { pollIn: "POLLIN", pollEntryLength: "sizeof(struct pollfd)" },
  monitor: {
    routeGroups: [
      ...[
        "RTMGRP_LINK",
        "RTMGRP_IPV4_IFADDR",
        "RTMGRP_IPV6_IFADDR",
        "RTMGRP_IPV4_ROUTE",
        "RTMGRP_IPV6_ROUTE",
      ],
      ...["RTMGRP_IPV4_RULE", group("RTNLGRP_IPV6_RULE")],
      ...[group("RTNLGRP_IPV4_NETCONF"), group("RTNLGRP_IPV6_NETCONF")],
    ].join(" | "),
    nftablesGroups: group("NFNLGRP_NFTABLES"),
  },
  namespaces: {
    cloneNewNet: "CLONE_NEWNET",
    getNamespaceType: "NS_GET_NSTYPE",
    bindMount: "MS_BIND",
    detachMount: "MNT_DETACH",
  },
  "netlink-socket": {
    netlinkRoute: "NETLINK_ROUTE",
    netlinkNetfilter: "NETLINK_NETFILTER",
    afNetlink: "AF_NETLINK",
    sockRaw: "SOCK_RAW",
    sockCloexec: "SOCK_CLOEXEC",
    sockNonblock: "SOCK_NONBLOCK",
    solSocket: "SOL_SOCKET",
    sendBufferForce: "SO_SNDBUFFORCE",
    receiveBufferForce: "SO_RCVBUFFORCE",
    solNetlink: "SOL_NETLINK",
    "netlinkOption.capAck": "NETLINK_CAP_ACK",
    "netlinkOption.extAck": "NETLINK_EXT_ACK",
    "netlinkOption.strictCheck": "NETLINK_GET_STRICT_CHK",
    dontWait: "MSG_DONTWAIT",
  },
  "wake-descriptor": { eventfdNonblockCloexec: "EFD_NONBLOCK | EFD_CLOEXEC" },
  "rule-messages": { suppressesNone: "(__u32)-1" },
};

/** Numbers that are no one's but ours: limits, sizes, orders. */
const ours: readonly string[] = [
  "set-elements elementsPerMessage",
  "kept-namespaces sendBufferBytes",
  "flows flowsPerBatch",
  "attach maximumIndexAttempts",
  "attachment-steps loopbackIndex",
  "link-indexes lowest",
  "link-indexes highest",
  "kernel-loop requestsPerRound",
  "monitor receiveBufferBytes",
  "netlink-socket dumpBytes",
  "netlink-socket smallInputBytes",
  "netlink-socket maximumDumpRetries",
  "recover linksPerBatch",
  "request-queue rank.attach",
  "request-queue rank.changeElements",
  "request-queue rank.detach",
  "request-queue rank.echo",
  "request-queue lowestRank",
  "request-queue longestPreference",
  "settle-addresses pauseMs",
  "settle-addresses limitMs",
];

function group(number: string): string {
  return `1 << (${number} - 1)`;
}

const names = new Map(
  Object.entries(inC).flatMap(([file, entries]) =>
    Object.entries(entries).map(([name, expression]) => [`${file} ${name}`, expression] as const),
  ),
);

/** One field of a struct in a message of ours: `bytes` begin with the struct. */
interface FieldCase {
  readonly struct: string;
  readonly field: string;
  readonly bytes: Uint8Array;
  /** A number, or C's name of one. */
  readonly value: number | string;
}

const plainRoute: KernelRoute = {
  ...{ family: 4, type: "unicast", destination: "10.0.0.0/8", table: 254, metric: 0, protocol: 4 },
};
const route = newRoute(
  {
    ...{ family: 6, type: "unreachable", destination: "fd00::/48", table: 200, metric: 0, protocol: 0x48 },
    ...{ scope: "link", onlink: true },
  },
  "replace",
).header;
const rule = newRule({
  family: 6,
  priority: 1,
  table: 254,
  source: "fd00::/40",
  destination: "fd01::/24",
}).header;
const address = newAddress({ linkIndex: 0x123456, address: "fd00::1", prefixLength: 64 }).header;
const neighbour = permanentNeighbour({
  linkIndex: 0x123456,
  address: "fd00::1",
  mac: "02:00:00:00:00:01",
}).header;
const up = setLink({ index: 0x123456 }, { up: true }).header;
const message = encodeMessages(
  [
    {
      type: 0x1234,
      flags: 0x400,
      header: Buffer.alloc(4),
      attributes: [{ type: 0x56, value: Buffer.alloc(5) }],
    },
  ],
  0x789abc,
);
const nested = encodeMessages(
  [
    {
      type: 1,
      flags: 0,
      header: Buffer.alloc(0),
      attributes: [{ type: 7, value: [{ type: 9, value: Buffer.alloc(4) }] }],
    },
  ],
  1,
);

const fields: readonly FieldCase[] = [
  ...cases("rtmsg", route, {
    rtm_family: "AF_INET6",
    rtm_dst_len: 48,
    rtm_table: 200,
    rtm_protocol: 0x48,
    rtm_scope: "RT_SCOPE_LINK",
    rtm_type: "RTN_UNREACHABLE",
    rtm_flags: "RTNH_F_ONLINK",
  }),
  ...cases("rtmsg", dumpRoutes(0x48).header, { rtm_protocol: 0x48, rtm_family: "AF_UNSPEC" }),
  ...cases("rtmsg", lookUpRoute("10.0.0.1").header, { rtm_family: "AF_INET", rtm_dst_len: 32 }),
  ...cases("fib_rule_hdr", rule, {
    family: "AF_INET6",
    dst_len: 24,
    src_len: 40,
    table: 254,
    action: "FR_ACT_TO_TBL",
  }),
  ...cases("ifaddrmsg", address, { ifa_family: "AF_INET6", ifa_prefixlen: 64, ifa_index: 0x123456 }),
  ...cases("ndmsg", neighbour, { ndm_family: "AF_INET6", ndm_ifindex: 0x123456, ndm_state: "NUD_PERMANENT" }),
  ...cases("ifinfomsg", up, { ifi_index: 0x123456, ifi_flags: "IFF_UP", ifi_change: "IFF_UP" }),
  ...cases("nlmsghdr", message, {
    nlmsg_len: "NLMSG_HDRLEN + 4 + NLA_ALIGN(NLA_HDRLEN + 5)",
    nlmsg_type: 0x1234,
    nlmsg_flags: "0x400 | NLM_F_REQUEST | NLM_F_ACK",
    nlmsg_seq: 0x789abc,
  }),
  ...cases("nlattr", message.subarray(20), { nla_len: "NLA_HDRLEN + 5", nla_type: 0x56 }),
  ...cases("nlattr", nested.subarray(16), { nla_len: "2 * NLA_HDRLEN + 4", nla_type: "7 | NLA_F_NESTED" }),
  ...cases("sockaddr_in", socketAddress("10.0.0.1", Buffer.from("0a000001", "hex")), {
    sin_family: "AF_INET",
    sin_addr: 0x0100000a,
  }),
  ...cases("sockaddr_in6", socketAddress("::", Buffer.alloc(16)), { sin6_family: "AF_INET6" }),
];

function cases(struct: string, bytes: Uint8Array, values: Readonly<Record<string, number | string>>) {
  return Object.entries(values).map(([field, value]): FieldCase => ({ struct, field, bytes, value }));
}

const offset = ({ struct, field }: FieldCase) => `offsetof(struct ${struct}, ${field})`;
const size = ({ struct, field }: FieldCase) => `sizeof(((struct ${struct} *)0)->${field})`;
const errorHeader = "offsetof(struct nlmsgerr, msg)";
let numbers: ReadonlyMap<string, number>;

beforeAll(async () => {
  numbers = await cNumbers([
    ...names.values(),
    ...fields.flatMap((entry) => [
      offset(entry),
      size(entry),
      ...(typeof entry.value === "string" ? [entry.value] : []),
    ]),
    ...[
      "AF_INET",
      "AF_INET6",
      "NLMSG_ERROR",
      "NLM_F_CAPPED",
      "NLM_F_ACK_TLVS",
      "NLMSGERR_ATTR_MSG",
      "NLMSG_HDRLEN",
    ],
    ...["sizeof(struct sockaddr_in)", "sizeof(struct sockaddr_in6)", "RTM_F_CLONED", errorHeader],
    ...["offsetof(struct rtmsg, rtm_flags)", "IFLA_EXT_MASK", "RTEXT_FILTER_SKIP_STATS"],
  ]);
});

const c = (expression: string): number => {
  const value = numbers.get(expression);
  if (value === undefined) throw new Error(`nobody asked C for ${expression}`);
  return value;
};

test.each(await headerNumbers())(
  "$header has every number that we name after it",
  async ({ header, numbers: found }) => {
    // Numbers of nfnetlink.h are expressions of those of netlink.h, which it does not include itself.
    const wanted = await cNumbers(Object.keys(found), ["linux/netlink", header.replace(/\.h$/, "")]);
    expect(found).toEqual(Object.fromEntries(wanted));
  },
);

test("every other number that the adapter names is the kernel's, or known to be ours", async () => {
  const found = [...(await sourceConstants())].filter(([name]) => !ours.includes(name)).sort();
  const wanted = [...names].map(([name, expression]) => [name, c(expression)] as const).sort();
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});

test("what is said to be ours is there", async () => {
  const found = await sourceConstants();
  expect(ours.filter((name) => !found.has(name))).toEqual([]);
});

test.each(fields)("struct $struct has $field where we write it", (entry) => {
  const { bytes, value } = entry;
  const found = Buffer.from(bytes).readUIntLE(c(offset(entry)), c(size(entry)));
  expect(found).toBe(typeof value === "string" ? c(value) : value);
});

test("addresses have C's families and sizes", () => {
  expect([addressFamily(4), addressFamily(6)]).toEqual([c("AF_INET"), c("AF_INET6")]);
  expect(socketAddress("10.0.0.1", Buffer.alloc(4))).toHaveLength(c("sizeof(struct sockaddr_in)"));
  expect(socketAddress("::", Buffer.alloc(16))).toHaveLength(c("sizeof(struct sockaddr_in6)"));
});

test("a cached exception is no route", () => {
  const header = Buffer.from(newRoute(plainRoute, "exclusive").header);
  expect(decodeRoute(header)).toBeDefined();
  header.writeUInt32LE(c("RTM_F_CLONED"), c("offsetof(struct rtmsg, rtm_flags)"));
  expect(decodeRoute(header)).toBeUndefined();
});

test("links are asked for without their counters", () => {
  const [asked] = getLink().attributes.filter(({ type }) => type === c("IFLA_EXT_MASK"));
  expect(Buffer.from(asked?.value as Uint8Array).readUInt32LE()).toBe(c("RTEXT_FILTER_SKIP_STATS"));
});

describe("a refusal is read where the kernel writes it", () => {
  const text = Buffer.from("Invalid prefix for given prefix length\0");
  const words = (type: number): Buffer => {
    const header = Buffer.alloc(4);
    header.writeUInt16LE(header.length + text.length, 0);
    header.writeUInt16LE(type, 2);
    return Buffer.concat([header, text]);
  };
  const request = 64;

  test.each([
    { what: "with the request's header alone", flags: "NLM_F_CAPPED", kept: 0 },
    { what: "with the whole request", flags: undefined, kept: request - 16 },
  ])("$what", ({ flags, kept }) => {
    const start = Buffer.alloc(c(errorHeader) + c("NLMSG_HDRLEN") + kept);
    start.writeInt32LE(-22, 0);
    start.writeUInt32LE(request, c(errorHeader));
    const received = {
      ...{ type: c("NLMSG_ERROR"), sequence: 1, portId: 1 },
      flags: c("NLM_F_ACK_TLVS") | (flags === undefined ? 0 : c(flags)),
      payload: Buffer.concat([start, words(c("NLMSGERR_ATTR_MSG"))]),
    };
    expect(readRefusal([received])).toEqual({
      index: 0,
      errno: "EINVAL",
      text: "Invalid prefix for given prefix length",
    });
  });
});
