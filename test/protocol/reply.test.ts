import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../src/protocol/frames.ts";
import { failureReply, parseReply, successReply } from "../../src/protocol/reply.ts";

const result = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;

describe("a reply", () => {
  it.each([
    { reply: successReply(), wantsResult: false },
    { reply: successReply(result), wantsResult: true },
    { reply: failureReply({ code: 11, msg: "later", details: "a line\nand another" }), wantsResult: true },
  ])("comes out as it went in: $reply", ({ reply, wantsResult }) => {
    const frame = encodeFrame(reply);
    const text = frame.ok ? frame.value : "";
    expect(text.indexOf("\n")).toBe(text.length - 1);
    expect(parseReply(text.slice(0, -1), wantsResult)).toEqual({ ok: true, value: reply });
  });

  it("of another protocol version is code 1", () => {
    expect(parseReply('{"wire":2,"ok":true}', false)).toMatchObject({ failure: { code: 1 } });
  });

  it.each([
    "",
    "x",
    "null",
    "[]",
    '{"wire":1}',
    '{"wire":1,"ok":1}',
    '{"wire":1,"ok":false,"error":{"code":3}}',
  ])("that reads %j is code 6", (line) => {
    expect(parseReply(line, false)).toMatchObject({ failure: { code: 6 } });
  });

  it.each([
    {},
    { ...result, interfaces: [{}] },
    { ...result, ips: [" "] },
    { ...result, ips: [{ address: "10.244.1.7/32" }] },
    { ...result, routes: null },
  ])("to an ADD with the result %j is code 6", (incomplete) => {
    const line = JSON.stringify({ wire: 1, ok: true, result: incomplete });
    expect(parseReply(line, true)).toMatchObject({ failure: { code: 6 } });
  });

  it("is parsed from anything without throwing", () => {
    const lines = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(lines, fc.boolean(), (line, wantsResult) => {
        const outcome = parseReply(line, wantsResult);
        if (!outcome.ok) expect([1, 6]).toContain(outcome.failure.code);
      }),
    );
  });
});

describe("a frame", () => {
  it.each(["x".repeat(1_048_576), "\u00e9".repeat(524_288)])(
    "of more than 1 MiB is refused with code 6",
    (details) => {
      expect(encodeFrame(failureReply({ code: 11, msg: "", details }))).toMatchObject({
        failure: { code: 6 },
      });
    },
  );
});
