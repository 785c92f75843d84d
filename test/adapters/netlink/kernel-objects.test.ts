import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { decodeEchoReply } from "../../../src/adapters/netlink/echo/icmp-echo.ts";
import { nftablesChanges, tableChanges } from "../../../src/adapters/netlink/namespaces/nftables-changes.ts";
import { routeChange } from "../../../src/adapters/netlink/namespaces/route-changes.ts";
import {
  type Address,
  decodeAddress,
  deleteAddress,
  newAddress,
} from "../../../src/adapters/netlink/wire-format/address-messages.ts";
import {
  decodeLink,
  type Link,
  newVeth,
  setLink,
} from "../../../src/adapters/netlink/wire-format/link-messages.ts";
import {
  decodeNeighbour,
  permanentNeighbour,
} from "../../../src/adapters/netlink/wire-format/neighbour-messages.ts";
import { NetlinkDecodeError } from "../../../src/adapters/netlink/wire-format/netlink-decode-error.ts";
import {
  decodeMessages,
  encodeMessages,
  type NetlinkMessage,
} from "../../../src/adapters/netlink/wire-format/netlink-message.ts";
import {
  decodeRoute,
  newRoute,
  type Route,
} from "../../../src/adapters/netlink/wire-format/route-messages.ts";
import { decodeRule, newRule, type Rule } from "../../../src/adapters/netlink/wire-format/rule-messages.ts";
import { formatAddress, formatPrefix } from "../../../src/domain/addresses/prefix.ts";
import type {
  KernelAddress,
  KernelLink,
  KernelRoute,
  KernelRule,
} from "../../../src/domain/kernel/kernel-state.ts";

const family = fc.constantFrom(4 as const, 6 as const);
const index = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const name = fc.stringMatching(/^[a-z0-9]{1,15}$/);
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":"));

function addressIn(kind: 4 | 6): fc.Arbitrary<string> {
  const bits = kind === 4 ? 32n : 128n;
  return fc.bigInt({ min: 1n, max: (1n << bits) - 1n }).map((value) => formatAddress(kind, value));
}

function prefixIn(kind: 4 | 6): fc.Arbitrary<string> {
  const bits = kind === 4 ? 32 : 128;
  return fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }), fc.integer({ min: 1, max: bits }))
    .map(([value, length]) => {
      const base = (value >> BigInt(bits - length)) << BigInt(bits - length);
      return formatPrefix({ family: kind, base, length });
    });
}

/** The optional fields, each present or absent. */
function partly<T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

const route: fc.Arbitrary<KernelRoute> = family.chain((kind) =>
  fc
    .record({
      type: fc.constantFrom(
        "unicast" as const,
        "unreachable" as const,
        "blackhole" as const,
        "local" as const,
      ),
      destination: fc.oneof(prefixIn(kind), fc.constant(kind === 4 ? "0.0.0.0/0" : "::/0")),
      table: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      metric: u32,
      protocol: fc.integer({ min: 0, max: 255 }),
      scope: fc.constantFrom("universe" as const, "link" as const, "host" as const),
      optional: partly<Pick<Required<KernelRoute>, "linkIndex" | "gateway" | "preferredSource" | "onlink">>({
        linkIndex: index,
        gateway: addressIn(kind),
        preferredSource: addressIn(kind),
        onlink: fc.constant(true),
      }),
    })
    .map(({ optional, ...required }) => ({ family: kind, ...required, ...optional })),
);

const rule: fc.Arbitrary<KernelRule> = family.chain((kind) =>
  fc
    .record({
      priority: u32,
      table: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      optional: partly<Pick<Required<KernelRule>, "source" | "destination" | "protocol">>({
        source: prefixIn(kind),
        destination: prefixIn(kind),
        protocol: fc.integer({ min: 0, max: 255 }),
      }),
      marking: fc.option(fc.record({ mark: u32, mask: u32 }), { nil: {} }),
      work: fc.oneof<fc.Arbitrary<Partial<KernelRule>>[]>(
        fc.constant({}),
        fc.integer({ min: 0, max: 128 }).map((suppressPrefixLength) => ({ suppressPrefixLength })),
        fc.constantFrom("nop" as const, "unreachable" as const).map((action) => ({ action })),
        u32.map((goto) => ({ goto })),
      ),
    })
    .map(({ priority, table, optional, marking, work }) => ({
      family: kind,
      priority,
      table,
      ...optional,
      ...marking,
      ...work,
    })),
);

function payload(message: NetlinkMessage): Buffer {
  return decodeMessages(encodeMessages([message], 1))[0]?.payload ?? Buffer.alloc(0);
}

test("the decisions and the wire format describe objects alike", () => {
  expectTypeOf<Link>().toEqualTypeOf<KernelLink>();
  expectTypeOf<Address>().toEqualTypeOf<KernelAddress>();
  expectTypeOf<Route>().toEqualTypeOf<KernelRoute>();
  expectTypeOf<Rule>().toEqualTypeOf<KernelRule>();
});

describe("what is encoded for the kernel decodes to the same", () => {
  test("routes", () => {
    fc.assert(
      fc.property(route, (wanted) => {
        expect(decodeRoute(payload(newRoute(wanted, "exclusive")))).toEqual(wanted);
      }),
    );
  });

  test("rules", () => {
    fc.assert(
      fc.property(rule, (wanted) => {
        expect(decodeRule(payload(newRule(wanted)))).toEqual(wanted);
      }),
    );
  });

  test("addresses", () => {
    fc.assert(
      fc.property(
        family.chain(addressIn),
        index,
        fc.integer({ min: 0, max: 32 }),
        (address, linkIndex, length) => {
          const wanted = { address, linkIndex, prefixLength: length };
          expect(decodeAddress(payload(newAddress(wanted)))).toEqual(wanted);
          expect(decodeAddress(payload(deleteAddress(wanted)))).toEqual(wanted);
        },
      ),
    );
  });

  test("neighbours", () => {
    fc.assert(
      fc.property(family.chain(addressIn), index, mac, (address, linkIndex, lladdr) => {
        const wanted = { address, linkIndex, mac: lladdr };
        expect(decodeNeighbour(payload(permanentNeighbour(wanted)))).toEqual({ ...wanted, permanent: true });
      }),
    );
  });

  test("links", () => {
    fc.assert(
      fc.property(
        name,
        name,
        mac,
        index,
        fc.integer({ min: 68, max: 65535 }),
        u32,
        (host, peer, address, at, mtu, group) => {
          const message = newVeth({ index: at, name: host, mac: address, mtu, group }, { name: peer, mtu });
          const decoded = {
            index: at,
            name: host,
            mac: address,
            mtu,
            group,
            up: false,
            alias: "",
            kind: "veth",
          };
          expect(decodeLink(payload(message))).toEqual(decoded);
        },
      ),
    );
  });

  test("what a link is told to become", () => {
    fc.assert(
      fc.property(index, fc.string({ maxLength: 80 }), u32, fc.boolean(), (at, text, group, up) => {
        const alias = text.replaceAll("\0", "");
        expect(decodeLink(payload(setLink({ index: at }, { alias, group, up })))).toMatchObject({
          index: at,
          alias,
          group,
          up,
        });
      }),
    );
  });
});

describe("bytes that make no sense", () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    mutated(fc.oneof(route.map(routeBytes), rule.map(ruleBytes))),
  );
  const nftables = nftablesChanges("node", 7);
  const readers: readonly (readonly [string, (data: Buffer) => unknown])[] = [
    ["messages", decodeMessages],
    ["a link", decodeLink],
    ["an address", decodeAddress],
    ["a route", decodeRoute],
    ["a rule", decodeRule],
    ["a neighbour", decodeNeighbour],
    ["an IPv4 echo", (data) => decodeEchoReply(4, data)],
    ["an IPv6 echo", (data) => decodeEchoReply(6, data)],
    ...[16, 17, 20, 21, 24, 25, 32, 33, 99].map(
      (type) =>
        [
          `a notification of type ${type}`,
          (data: Buffer) => routeChange("node", received(type, data), 1),
        ] as const,
    ),
    ["an nftables notification", (data) => nftables([received((10 << 8) | 15, data)])],
    [
      "one of a table",
      (data) => tableChanges("t")([received((10 << 8) | 0, data), received((10 << 8) | 15, data)]),
    ],
  ];

  test.each(readers)("read as %s are a typed error at worst", (_, read) => {
    fc.assert(
      fc.property(garbage, (data) => {
        try {
          read(Buffer.from(data));
        } catch (error) {
          expect(error).toBeInstanceOf(NetlinkDecodeError);
        }
      }),
    );
  });
});

function received(type: number, data: Buffer) {
  return { type, flags: 0, sequence: 0, portId: 0, payload: data };
}

function routeBytes(wanted: KernelRoute): Uint8Array {
  return payload(newRoute(wanted, "exclusive"));
}

function ruleBytes(wanted: KernelRule): Uint8Array {
  return payload(newRule(wanted));
}

/** Bytes that were right once: one of them changed, and the end cut off. */
function mutated(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(valid, fc.nat(), fc.nat({ max: 255 }), fc.nat()).map(([data, position, value, length]) => {
    const copy = Uint8Array.from(data);
    copy[position % copy.length] = value;
    return copy.subarray(0, length % (copy.length + 1));
  });
}
