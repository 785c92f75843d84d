import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NetlinkDecodeError } from "../../../../src/adapters/netlink/wire-format/netlink-decode-error.ts";
import {
  decodeAttributes,
  decodeMessages,
  encodeMessages,
  type NetlinkAttribute,
  type NetlinkMessage,
} from "../../../../src/adapters/netlink/wire-format/netlink-message.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const attributes = fc.uniqueArray(fc.record({ type: fc.integer({ min: 1, max: 0x3fff }), value: bytes }), {
  maxLength: 8,
  selector: ({ type }) => type,
});
const message: fc.Arbitrary<NetlinkMessage> = fc.record({
  type: fc.integer({ min: 16, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xff }),
  header: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  attributes,
});

describe("messages", () => {
  test("a batch decodes to what was encoded, numbered, with one acknowledgement asked", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), fc.nat(), (batch, first) => {
        const decoded = decodeMessages(encodeMessages(batch, first));
        expect(decoded.map(({ type }) => type)).toEqual(batch.map(({ type }) => type));
        expect(decoded.map(({ sequence }) => sequence)).toEqual(batch.map((_, index) => first + index));
        const last = batch.length - 1;
        decoded.forEach(({ flags }, index) => {
          expect(flags).toBe((batch[index]?.flags ?? 0) | 1 | (index === last ? 4 : 0));
        });
        decoded.forEach(({ payload }, index) => {
          const found = decodeAttributes(payload, 16);
          for (const { type, value } of batch[index]?.attributes ?? [])
            expect(found.get(type)).toEqual(Buffer.from(value as Uint8Array));
        });
      }),
    );
  });

  test("nested attributes decode level by level", () => {
    fc.assert(
      fc.property(attributes, (inner) => {
        const nested: NetlinkAttribute = { type: 7, value: [{ type: 9, value: inner }] };
        const [decoded] = decodeMessages(
          encodeMessages([{ type: 16, flags: 0, header: new Uint8Array(0), attributes: [nested] }], 1),
        );
        const outer = decodeAttributes(decoded?.payload ?? Buffer.alloc(0)).get(7) ?? Buffer.alloc(0);
        const innermost = decodeAttributes(decodeAttributes(outer).get(9) ?? Buffer.alloc(0));
        for (const { type, value } of inner) expect(innermost.get(type)).toEqual(Buffer.from(value));
      }),
    );
  });

  test("a length below the header's own is an error, not an endless loop", () => {
    expect(() => decodeMessages(Buffer.alloc(16))).toThrow(NetlinkDecodeError);
    expect(() => decodeAttributes(Buffer.alloc(4))).toThrow(NetlinkDecodeError);
  });
});
