import type { CniReply, CniRequest } from "../../src/protocol/cni-protocol.ts";
import { createFrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { encodeFrame } from "../../src/protocol/frames.ts";
import { failureReply } from "../../src/protocol/reply.ts";
import { parseRequest } from "../../src/protocol/request-schema.ts";

/** How the other end of the socket behaves in one test. */
export type DaemonScript =
  /** Nobody listens; the serving file, if any, was last touched so long ago. */
  | { readonly kind: "away"; readonly servedMsAgo?: number }
  | { readonly kind: "replies"; readonly reply: CniReply }
  /** Sends these bytes and closes. */
  | { readonly kind: "sends"; readonly bytes: string }
  | { readonly kind: "closes" }
  | { readonly kind: "hangs" };

/** What the daemon's end does with a frame: bytes to send before it closes, or undefined to say nothing. */
export type Reaction = { readonly bytes: string | undefined };

/**
 * Reads a frame as the daemon does and reacts as the script says; what the stub sends must satisfy the daemon's own
 * schema, or the reply is that refusal. `requests` collects what was understood.
 */
export function react(script: DaemonScript, frame: Uint8Array, requests: CniRequest[]): Reaction {
  const { frames, failure } = createFrameDecoder().push(frame);
  const request = failure === undefined ? parseRequest(frames[0]) : { ok: false as const, failure };
  if (!request.ok) return { bytes: line(failureReply(request.failure)) };
  requests.push(request.value);
  switch (script.kind) {
    case "replies":
      return { bytes: line(script.reply) };
    case "sends":
      return { bytes: script.bytes };
    case "closes":
    case "away":
      return { bytes: "" };
    case "hangs":
      return { bytes: undefined };
    default: {
      const unhandled: never = script;
      return unhandled;
    }
  }
}

function line(reply: CniReply): string {
  const frame = encodeFrame(reply);
  return frame.ok ? frame.value : "";
}
