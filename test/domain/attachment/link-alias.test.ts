import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttachmentPlan } from "../../../src/domain/attachment/attachment.ts";
import {
  formatLinkAlias,
  type LinkAlias,
  maximumAliasBytes,
  parseLinkAlias,
  planAlias,
} from "../../../src/domain/attachment/link-alias.ts";

const address4 = fc.ipV4();
const address6 = fc.ipV6().filter((text) => !text.includes("."));
const anyText = fc.string({ unit: "grapheme", maxLength: 300 });
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/);

function aliasOf(text: fc.Arbitrary<string>, short: fc.Arbitrary<string>): fc.Arbitrary<LinkAlias> {
  return fc.record({
    state: fc.constantFrom("pending", "ready", "leaving"),
    network: text,
    containerId: text,
    ifname: short,
    podUid: text,
    netnsInode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    addresses: fc.oneof(
      fc.constant([]),
      address4.map((address) => [address]),
      fc.tuple(address4, address6),
      address6.map((address) => [address]),
    ),
    order: fc.nat({ max: 9999 }),
  });
}

const small: LinkAlias = {
  ...{ state: "ready", network: "n", containerId: "c", ifname: "eth0", podUid: "" },
  ...{ netnsInode: "1", addresses: [], order: 0 },
};
const ordinary = aliasOf(name, fc.stringMatching(/^[a-z0-9]{1,15}$/));
const wild = aliasOf(anyText, anyText);

describe("link alias", () => {
  test("a full-size attachment of a runtime stands in it word by word", () => {
    const alias: LinkAlias = {
      state: "pending",
      network: "a-network-with-a-name-of-33-bytes",
      containerId: "0123456789abcdef".repeat(4),
      ifname: "fifteen-letters",
      podUid: "6f1c1e0c-9d0e-4a51-a4f5-0b1d5c3f2e11",
      netnsInode: "18446744073709551615",
      addresses: ["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
      order: 9999,
    };
    expect(parseLinkAlias(formatLinkAlias(alias))).toEqual(alias);
    expect(Buffer.byteLength(formatLinkAlias(alias))).toBeLessThanOrEqual(maximumAliasBytes);
  });

  test("ordinary names come back as they went in", () => {
    fc.assert(
      fc.property(ordinary, (alias) => {
        expect(parseLinkAlias(formatLinkAlias(alias))).toEqual(alias);
      }),
    );
  });

  test.each(["", "-", "~", "a b", "100%", "tab\tline\n", "-~x"])("%o comes back as it went in", (network) => {
    expect(parseLinkAlias(formatLinkAlias({ ...small, network }))?.network).toBe(network);
  });

  test("whatever the names hold, it fits, parses, and formats to the same text again", () => {
    fc.assert(
      fc.property(wild, (alias) => {
        const text = formatLinkAlias(alias);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maximumAliasBytes);
        const parsed = parseLinkAlias(text);
        expect(parsed).toBeDefined();
        if (parsed !== undefined) expect(formatLinkAlias(parsed)).toBe(text);
      }),
    );
  });

  test("no more bytes than the kernel takes are written", () => {
    expect(maximumAliasBytes).toBe(255);
  });

  test.each([
    ["network", 33, 2],
    ["containerId", 64, 3],
    ["ifname", 15, 4],
    ["podUid", 36, 5],
  ] as const)(
    "%s stands in it word by word up to %i bytes, and hashed within them when it is longer",
    (field, most, at) => {
      const written = (bytes: number) =>
        formatLinkAlias({ ...small, [field]: "x".repeat(bytes) }).split(" ")[at];
      expect(written(most)).toBe("x".repeat(most));
      expect(written(most + 1)).toMatch(/^~[0-9a-z]{14,26}$/);
      expect(written(most + 1)?.length).toBeLessThanOrEqual(most);
    },
  );

  test("an order beyond four digits is written as 9999", () => {
    const { state: _state, netnsInode: _inode, ...rest } = small;
    const plan: AttachmentPlan = {
      ...rest,
      ...{ key: "c/eth0", netns: "/run/netns/c", hostLink: "hc1", hostMac: "", podMac: "" },
      ...{ routerAddresses: [], mtu: 1280 },
    };
    const order = (of: number) => parseLinkAlias(planAlias({ ...plan, order: of }, "ready", "1"))?.order;
    expect([0, 9999, 10_000].map(order)).toEqual([0, 9999, 9999]);
  });

  test("names that differ only where they are cut stay apart", () => {
    const alias = (containerId: string) => formatLinkAlias({ ...small, containerId });
    const long = "x".repeat(200);
    expect(alias(`${long}1`)).not.toBe(alias(`${long}2`));
    expect(alias(`${long}1`)).toBe(alias(`${long}1`));
  });

  test.each([
    ["an empty alias", ""],
    ["words of somebody else", "uplink to rack 7"],
    ["another version", "headcni2 ready headcni c eth0 - 1 10.0.0.2 0"],
    ["an unknown state", "headcni1 done headcni c eth0 - 1 10.0.0.2 0"],
    ["a cut alias", "headcni1 ready headcni c eth0 - 1"],
    ["one field too many", "headcni1 ready headcni c eth0 - 1 10.0.0.2 0 more"],
    ["an address that is none", "headcni1 ready headcni c eth0 - 1 10.0.0.256 0"],
    ["an inode that is no number", "headcni1 ready headcni c eth0 - one 10.0.0.2 0"],
    ["an order that is no number", "headcni1 ready headcni c eth0 - 1 10.0.0.2 first"],
    ["an order of five digits", "headcni1 ready headcni c eth0 - 1 10.0.0.2 10000"],
    ["an empty field", "headcni1 ready headcni  eth0 - 1 10.0.0.2 0"],
    ["an empty list of addresses", "headcni1 ready headcni c eth0 - 1  0"],
    ["a broken escape in the network", "headcni1 ready %c3%28 c eth0 - 1 10.0.0.2 0"],
    ["a broken escape in the container", "headcni1 ready headcni %c3%28 eth0 - 1 10.0.0.2 0"],
    ["a broken escape in the interface", "headcni1 ready headcni c %c3%28 - 1 10.0.0.2 0"],
    ["a broken escape in the pod", "headcni1 ready headcni c eth0 %c3%28 1 10.0.0.2 0"],
  ])("%s is not ours", (_, text) => {
    expect(parseLinkAlias(text)).toBeUndefined();
  });

  test("no text at all makes the parser throw", () => {
    fc.assert(fc.property(anyText, (text) => void parseLinkAlias(text)));
    fc.assert(fc.property(anyText, (text) => void parseLinkAlias(`headcni1 ready ${text}`)));
  });
});
