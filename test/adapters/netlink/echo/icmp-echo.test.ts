import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeEchoReply,
  encodeEchoRequest,
  internetChecksum,
} from "../../../../src/adapters/netlink/echo/icmp-echo.ts";

const family = fc.constantFrom(4 as const, 6 as const);
const message = fc.record({
  identifier: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffff }),
  data: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
});

/** The peer's answer: its type in place of ours, and for IPv4 the IP header that raw sockets deliver. */
function answer(kind: 4 | 6, request: Buffer): Buffer {
  const reply = Buffer.from(request);
  reply.writeUInt8(kind === 4 ? 0 : 129, 0);
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  return kind === 4 ? Buffer.concat([header, reply]) : reply;
}

test("an answer brings back what was sent", () => {
  fc.assert(
    fc.property(family, message, (kind, sent) => {
      expect(decodeEchoReply(kind, answer(kind, encodeEchoRequest(kind, sent)))).toEqual(sent);
    }),
  );
});

test("a request seen by its own sender is no answer", () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(decodeEchoReply(6, encodeEchoRequest(6, sent))).toBeUndefined();
    }),
  );
});

test("the checksum over a finished IPv4 request is zero", () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(internetChecksum(encodeEchoRequest(4, sent))).toBe(0);
    }),
  );
});

test("the checksum of RFC 1071's example is the one it gives", () => {
  expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(
    ~0xddf2 & 0xffff,
  );
});
