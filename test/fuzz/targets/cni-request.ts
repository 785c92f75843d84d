import { isDeepStrictEqual } from "node:util";
import { cniErrorCodes } from "../../../src/protocol/cni-error-codes.ts";
import { createFrameDecoder, type Decoded } from "../../../src/protocol/frame-decoder.ts";
import { encodeFrame } from "../../../src/protocol/frames.ts";
import type { Parsed } from "../../../src/protocol/parsed.ts";
import { parseRequest } from "../../../src/protocol/request-schema.ts";
import { actsOnTerminal } from "../../support/acts-on-terminal.ts";
import { type FuzzTargetSource, withoutValues } from "../fuzz-target.ts";

const codes: readonly number[] = Object.values(cniErrorCodes);

function decoded(input: Buffer, pieceBytes: number): Decoded {
  const decoder = createFrameDecoder();
  const frames: unknown[] = [];
  for (let start = 0; start < input.length; start += pieceBytes) {
    const part = decoder.push(input.subarray(start, start + pieceBytes));
    frames.push(...part.frames);
    if (part.failure !== undefined) return { frames, failure: part.failure };
  }
  return { frames };
}

/** Depth is no fault of a frame, but more than a comparison takes. */
function same(one: unknown, other: unknown): boolean {
  try {
    return isDeepStrictEqual(one, other);
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

function checkFailure(parsed: Pick<Extract<Parsed<never>, { ok: false }>, "failure">): void {
  const { code, msg, details } = parsed.failure;
  if (!codes.includes(code)) throw new Error(`code ${code} is none of the CNI specification or of ours`);
  if (msg === "" || actsOnTerminal(msg + details))
    throw new Error(`the message is not fit to be shown: ${JSON.stringify(msg)}`);
}

function judge(frame: unknown): string {
  const parsed = parseRequest(frame);
  if (!parsed.ok) {
    checkFailure(parsed);
    return `${parsed.failure.code} ${parsed.failure.msg}`;
  }
  if (Object.values(parsed.value.pod).some(actsOnTerminal))
    throw new Error("a pod's name acts on a terminal");
  const encoded = encodeFrame(parsed.value);
  if (!encoded.ok) return "too long";
  const again = parseRequest(JSON.parse(encoded.value));
  if (!isDeepStrictEqual(again, parsed))
    throw new Error("a request is read as another one than it was written");
  return parsed.value.command;
}

/** The input is all that one connection brings. */
export const cniRequest: FuzzTargetSource = {
  words: [
    "\n",
    "ADD",
    "DEL",
    "CHECK",
    "GC",
    "STATUS",
    '"prevResult":',
    '"validAttachments":',
    '"interface":-1',
    "/run/netns/x",
  ],
  open: () => ({
    run(input) {
      const whole = decoded(input, input.length || 1);
      if (whole.failure !== undefined) checkFailure({ failure: whole.failure });
      // A megabyte byte by byte would take its time.
      const pieces = decoded(input, Math.max(1, input.length >> 6));
      if (!same(whole, pieces)) throw new Error("the same bytes in other pieces are other frames");
      const words = [...new Set(whole.frames.slice(0, 64).map(judge).map(withoutValues))];
      return `${words.slice(0, 3).join(" | ")} ${whole.failure?.msg.slice(0, 40) ?? ""}`;
    },
  }),
};
