import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFrameDecoder } from "../../src/protocol/frame-decoder.ts";

const encoder = new TextEncoder();
const mebibyte = 1_048_576;

/** A JSON string that takes exactly so many bytes as a line, newline included. */
function lineOf(bytes: number): Uint8Array {
  return encoder.encode(`"${"x".repeat(bytes - 3)}"\n`);
}

describe("the frame decoder", () => {
  it("gives the same frames however the stream is cut", () => {
    const cuts = fc.tuple(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(400)));
    fc.assert(
      fc.property(cuts, ([values, places]) => {
        const stream = encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
        const decoder = createFrameDecoder();
        const ends = [...places.map((place) => Math.min(place, stream.length)), stream.length].sort(
          (a, b) => a - b,
        );
        let start = 0;
        const frames = ends.flatMap((end) => {
          // The caller's buffer is reused, as Node may do.
          const chunk = stream.slice(start, end);
          start = end;
          const decoded = decoder.push(chunk);
          chunk.fill(0);
          expect(decoded.failure).toBeUndefined();
          return decoded.frames;
        });
        expect(frames).toEqual(values.map((value) => JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  it("takes any bytes without throwing and fails only with code 6", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const decoder = createFrameDecoder();
        for (const chunk of chunks) expect([undefined, 6]).toContain(decoder.push(chunk).failure?.code);
      }),
    );
  });

  it.each([
    ["no JSON", encoder.encode("hello\n"), "hello"],
    ["an empty line", encoder.encode("\n"), "empty line"],
    ["half a JSON object", encoder.encode('{"wire":1\n'), "wire"],
    ["no UTF-8", Uint8Array.of(0x22, 0xff, 0x22, 0x0a), "UTF-8"],
  ])("refuses %s and says so", (_, bytes, words) => {
    const { frames, failure } = createFrameDecoder().push(bytes);
    expect(frames).toEqual([]);
    expect(failure).toMatchObject({ code: 6, msg: expect.stringContaining(words) });
  });

  it("gives the good frames before a bad one and then stays failed", () => {
    const decoder = createFrameDecoder();
    expect(decoder.push(encoder.encode("1\n2\nx\n3\n"))).toMatchObject({
      frames: [1, 2],
      failure: { code: 6 },
    });
    expect(decoder.push(encoder.encode("4\n"))).toMatchObject({ frames: [], failure: { code: 6 } });
  });

  it("takes a frame of 1 MiB and refuses one byte more, whole or in parts, finished or not", () => {
    expect(createFrameDecoder().push(lineOf(mebibyte)).frames).toHaveLength(1);
    expect(createFrameDecoder().push(lineOf(mebibyte + 1)).failure).toMatchObject({ code: 6 });
    const decoder = createFrameDecoder();
    const unfinished = lineOf(mebibyte + 1).subarray(0, mebibyte);
    expect(decoder.push(unfinished.subarray(0, mebibyte - 1)).failure).toBeUndefined();
    expect(decoder.push(unfinished.subarray(mebibyte - 1)).failure).toMatchObject({ code: 6 });
  });
});
