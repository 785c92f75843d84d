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
import { sourceConstants } from "./support/source-constants.ts";

/** By file and name in the adapter: the same in C. */
const inC: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "address-messages": {
    "addressType.new": "RTM_NEWADDR",
    "addressType.delete": "RTM_DELADDR",
    "addressType.get": "RTM_GETADDR",
    "attribute.address": "IFA_ADDRESS",
    "attribute.local": "IFA_LOCAL",
    "attribute.flags": "IFA_FLAGS",
    noDuplicateDetection: "IFA_F_NODAD",
    headerLength: "sizeof(struct ifaddrmsg)",
  },
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
  "link-messages": {
    "linkType.new": "RTM_NEWLINK",
    "linkType.delete": "RTM_DELLINK",
    "linkType.get": "RTM_GETLINK",
    "linkType.set": "RTM_SETLINK",
    "attribute.address": "IFLA_ADDRESS",
    "attribute.name": "IFLA_IFNAME",
    "attribute.mtu": "IFLA_MTU",
    "attribute.linkInfo": "IFLA_LINKINFO",
    "attribute.alias": "IFLA_IFALIAS",
    "attribute.afSpec": "IFLA_AF_SPEC",
    "attribute.group": "IFLA_GROUP",
    "attribute.netnsFd": "IFLA_NET_NS_FD",
    "attribute.extMask": "IFLA_EXT_MASK",
    "attribute.txQueues": "IFLA_NUM_TX_QUEUES",
    "attribute.rxQueues": "IFLA_NUM_RX_QUEUES",
    infoKind: "IFLA_INFO_KIND",
    infoData: "IFLA_INFO_DATA",
    vethPeer: "VETH_INFO_PEER",
    afInet6: "AF_INET6",
    inet6AddressGeneration: "IFLA_INET6_ADDR_GEN_MODE",
    addressGenerationNone: "IN6_ADDR_GEN_MODE_NONE",
    skipStatistics: "RTEXT_FILTER_SKIP_STATS",
    ifaceUp: "IFF_UP",
    headerLength: "sizeof(struct ifinfomsg)",
  },
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
  "neighbour-messages": {
    "neighbourType.new": "RTM_NEWNEIGH",
    "neighbourType.get": "RTM_GETNEIGH",
    "attribute.destination": "NDA_DST",
    "attribute.mac": "NDA_LLADDR",
    permanentState: "NUD_PERMANENT",
    headerLength: "sizeof(struct ndmsg)",
  },
  "netlink-message": {
    "messageFlags.request": "NLM_F_REQUEST",
    "messageFlags.multi": "NLM_F_MULTI",
    "messageFlags.ack": "NLM_F_ACK",
    "messageFlags.dump": "NLM_F_DUMP",
    "messageFlags.replace": "NLM_F_REPLACE",
    "messageFlags.excl": "NLM_F_EXCL",
    "messageFlags.create": "NLM_F_CREATE",
    "messageFlags.ackTlvs": "NLM_F_ACK_TLVS",
    "messageFlags.capped": "NLM_F_CAPPED",
    "controlType.noop": "NLMSG_NOOP",
    "controlType.error": "NLMSG_ERROR",
    "controlType.done": "NLMSG_DONE",
    "controlType.overrun": "NLMSG_OVERRUN",
    headerLength: "NLMSG_HDRLEN",
    attributeHeaderLength: "NLA_HDRLEN",
    nestedFlag: "NLA_F_NESTED",
    attributeTypeMask: "(unsigned short)NLA_TYPE_MASK",
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
    dumpInterrupted: "NLM_F_DUMP_INTR",
    "batchType.begin": "NFNL_MSG_BATCH_BEGIN",
    "batchType.end": "NFNL_MSG_BATCH_END",
  },
  "nftables-changes": {
    nftablesSubsystem: "NFNL_SUBSYS_NFTABLES",
    newGeneration: "NFT_MSG_NEWGEN",
    "deletions.0": "NFT_MSG_DELTABLE",
    "deletions.1": "NFT_MSG_DELCHAIN",
    "deletions.2": "NFT_MSG_DELRULE",
    "deletions.3": "NFT_MSG_DELSET",
    "deletions.4": "NFT_MSG_DELSETELEM",
    "deletions.5": "NFT_MSG_DELOBJ",
    "deletions.6": "NFT_MSG_DELFLOWTABLE",
    processName: "NFTA_GEN_PROC_NAME",
    tableName: "NFTA_TABLE_NAME",
    headerLength: "sizeof(struct nfgenmsg)",
  },
  flows: {
    conntrackSubsystem: "NFNL_SUBSYS_CTNETLINK",
    "conntrackMessage.get": "IPCTNL_MSG_CT_GET",
    "conntrackMessage.delete": "IPCTNL_MSG_CT_DELETE",
    "flowAttribute.original": "CTA_TUPLE_ORIG",
    "flowAttribute.reply": "CTA_TUPLE_REPLY",
    "flowAttribute.id": "CTA_ID",
    "tupleAttribute.addresses": "CTA_TUPLE_IP",
    "tupleAttribute.protocol": "CTA_TUPLE_PROTO",
    "addressAttribute.source4": "CTA_IP_V4_SRC",
    "addressAttribute.source6": "CTA_IP_V6_SRC",
    "protocolAttribute.number": "CTA_PROTO_NUM",
    "protocolAttribute.sourcePort": "CTA_PROTO_SRC_PORT",
    nested: "NLA_F_NESTED",
    headerLength: "sizeof(struct nfgenmsg)",
  },
  "set-elements": {
    "elementMessage.new": "NFT_MSG_NEWSETELEM",
    "elementMessage.delete": "NFT_MSG_DELSETELEM",
    inet: "NFPROTO_INET",
    "listAttribute.table": "NFTA_SET_ELEM_LIST_TABLE",
    "listAttribute.set": "NFTA_SET_ELEM_LIST_SET",
    "listAttribute.elements": "NFTA_SET_ELEM_LIST_ELEMENTS",
    listElement: "NFTA_LIST_ELEM",
    "elementAttribute.key": "NFTA_SET_ELEM_KEY",
    "elementAttribute.data": "NFTA_SET_ELEM_DATA",
    "dataAttribute.value": "NFTA_DATA_VALUE",
    "dataAttribute.verdict": "NFTA_DATA_VERDICT",
    "verdictAttribute.code": "NFTA_VERDICT_CODE",
    "verdictAttribute.chain": "NFTA_VERDICT_CHAIN",
    jumpCode: "(__u32)NFT_JUMP",
    "protocolNumbers.tcp": "IPPROTO_TCP",
    "protocolNumbers.udp": "IPPROTO_UDP",
    "protocolNumbers.sctp": "IPPROTO_SCTP",
    registerBytes: "NFT_REG32_SIZE",
  },
  "wake-descriptor": { eventfdNonblockCloexec: "EFD_NONBLOCK | EFD_CLOEXEC" },
  "route-changes": {
    localTable: "RT_TABLE_LOCAL",
    "netconf.type": "RTM_NEWNETCONF",
    "netconf.headerLength": "NLMSG_ALIGN(sizeof(struct netconfmsg))",
    "netconf.ifindex": "NETCONFA_IFINDEX",
    "netconf.all": "(unsigned)NETCONFA_IFINDEX_ALL",
  },
  "route-messages": {
    "routeType.new": "RTM_NEWROUTE",
    "routeType.delete": "RTM_DELROUTE",
    "routeType.get": "RTM_GETROUTE",
    "attribute.destination": "RTA_DST",
    "attribute.linkIndex": "RTA_OIF",
    "attribute.gateway": "RTA_GATEWAY",
    "attribute.priority": "RTA_PRIORITY",
    "attribute.preferredSource": "RTA_PREFSRC",
    "attribute.cacheInfo": "RTA_CACHEINFO",
    "attribute.table": "RTA_TABLE",
    expiresOffset: "offsetof(struct rta_cacheinfo, rta_expires)",
    "typeNumbers.unicast": "RTN_UNICAST",
    "typeNumbers.local": "RTN_LOCAL",
    "typeNumbers.broadcast": "RTN_BROADCAST",
    "typeNumbers.multicast": "RTN_MULTICAST",
    "typeNumbers.blackhole": "RTN_BLACKHOLE",
    "typeNumbers.unreachable": "RTN_UNREACHABLE",
    "typeNumbers.prohibit": "RTN_PROHIBIT",
    "typeNumbers.throw": "RTN_THROW",
    "scopeNumbers.universe": "RT_SCOPE_UNIVERSE",
    "scopeNumbers.link": "RT_SCOPE_LINK",
    "scopeNumbers.host": "RT_SCOPE_HOST",
    onlinkFlag: "RTNH_F_ONLINK",
    clonedFlag: "RTM_F_CLONED",
    headerLength: "sizeof(struct rtmsg)",
  },
  "rule-messages": {
    "ruleType.new": "RTM_NEWRULE",
    "ruleType.delete": "RTM_DELRULE",
    "ruleType.get": "RTM_GETRULE",
    "attribute.destination": "FRA_DST",
    "attribute.source": "FRA_SRC",
    "attribute.goto": "FRA_GOTO",
    "attribute.priority": "FRA_PRIORITY",
    "attribute.mark": "FRA_FWMARK",
    "attribute.suppressPrefixLength": "FRA_SUPPRESS_PREFIXLEN",
    "attribute.table": "FRA_TABLE",
    "attribute.mask": "FRA_FWMASK",
    "attribute.protocol": "FRA_PROTOCOL",
    "action.toTable": "FR_ACT_TO_TBL",
    "action.goto": "FR_ACT_GOTO",
    "action.nop": "FR_ACT_NOP",
    "action.unreachable": "FR_ACT_UNREACHABLE",
    suppressesNone: "(__u32)-1",
    headerLength: "sizeof(struct fib_rule_hdr)",
  },
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

test("every number that the adapter names is the kernel's, or known to be ours", async () => {
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
