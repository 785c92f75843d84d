import { byteLength } from "./byte-length.ts";
import { cniErrorCodes } from "./cni-error-codes.ts";
import { type CniReply, type CniRequest, maxFrameBytes } from "./cni-protocol.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

/**
 * A request or reply as one frame: a line of JSON with its "\n" (JSON.stringify escapes every other one).
 * Refused with code 6 when it is longer than `maxFrameBytes`.
 */
export function encodeFrame(message: CniRequest | CniReply): Parsed<string> {
  const frame = `${JSON.stringify(message)}\n`;
  // Three bytes is the most one UTF-16 unit takes: nearly every frame is spared the count.
  if (frame.length * 3 <= maxFrameBytes || byteLength(frame) <= maxFrameBytes) return parsed(frame);
  return refused(
    cniErrorCodes.decodingFailure,
    `the message takes ${byteLength(frame)} bytes, one frame holds ${maxFrameBytes}`,
    "Shorten the network configuration or, for GC, the list of attachments.",
  );
}
