import { cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import type { CniFailure, CniReply, CniRequest } from "../src/protocol/cni-protocol.ts";
import { encodeFrame } from "../src/protocol/frames.ts";
import { parseReply } from "../src/protocol/reply.ts";
import type { Exchanged, Platform } from "./platform.ts";

/** What asking the daemon came to. */
export type Answer =
  | { readonly kind: "replied"; readonly reply: CniReply }
  /** No daemon, or it went away before it answered. */
  | { readonly kind: "away"; readonly reason: string }
  /** The deadline passed. */
  | { readonly kind: "late" }
  /** The daemon cannot be asked or understood. */
  | { readonly kind: "broken"; readonly failure: CniFailure };

/** Where and until when (monotonic milliseconds) the daemon is asked. */
export interface DaemonCall {
  readonly socketPath: string;
  readonly deadlineAtMs: number;
  /** How long an absent daemon is waited for, e.g. over its restart; 0 to give up at once. */
  readonly patienceMs: number;
}

/** Between two attempts to reach an absent daemon. */
const retryPauseMs = 25;

/** Sends the request and waits for the answer; never past the deadline. A request sent twice is answered alike. */
export function askDaemon(platform: Platform, request: CniRequest, call: DaemonCall): Answer {
  const frame = encodeFrame(request);
  if (!frame.ok) return { kind: "broken", failure: frame.failure };
  let giveUpAtMs: number | undefined;
  for (;;) {
    const leftMs = call.deadlineAtMs - platform.nowMs();
    if (leftMs <= 0) return { kind: "late" };
    const exchanged = platform.exchange(call.socketPath, frame.value, leftMs);
    const answer = answerOf(exchanged, request, call.socketPath);
    if (answer.kind !== "away") return answer;
    const nowMs = platform.nowMs();
    giveUpAtMs ??= Math.min(nowMs + call.patienceMs, call.deadlineAtMs);
    if (nowMs + retryPauseMs >= giveUpAtMs) return answer;
    platform.sleep(retryPauseMs);
  }
}

function answerOf(exchanged: Exchanged, request: CniRequest, socketPath: string): Answer {
  if (exchanged.ok) {
    const reply = parseReply(exchanged.line, request.command === "ADD");
    return reply.ok ? { kind: "replied", reply: reply.value } : { kind: "broken", failure: reply.failure };
  }
  const { fault, reason } = exchanged;
  switch (fault) {
    case "late":
      return { kind: "late" };
    case "absent":
      return { kind: "away", reason: `nothing listens on ${socketPath} (${reason})` };
    case "lost":
      return {
        kind: "away",
        reason: `the daemon at ${socketPath} closed the connection before it answered (${reason})`,
      };
    case "oversized":
    case "failed":
      return {
        kind: "broken",
        failure: {
          code: fault === "failed" ? cniErrorCodes.ioFailure : cniErrorCodes.decodingFailure,
          msg: `the exchange with the daemon at ${socketPath} failed: ${reason}`,
          details: "The plugin must run as root, and socketPath must be the socket of the HeadCNI daemon.",
        },
      };
    default: {
      const unhandled: never = fault;
      return unhandled;
    }
  }
}
