import { type CniErrorCode, cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import { type CniReply, type CniRequest, deadlineMs } from "../src/protocol/cni-protocol.ts";
import { runtimeDirectory, servingFile, servingTrustMs } from "../src/protocol/runtime-files.ts";
import { type Answer, askDaemon, type DaemonCall } from "./exchange.ts";
import type { NetworkConfig } from "./network-config.ts";
import type { Platform } from "./platform.ts";
import { failed, type Outcome, silentSuccess, succeeded } from "./result.ts";
import { spoolRequest } from "./spool.ts";

/** kubelet answers a failed ADD with a pause of 10 s: a restart of the daemon is waited out instead. */
const addPatienceMs = 5_000;

const whatToDo = "See that the HeadCNI daemon runs on this node; the runtime may try again.";

/**
 * Asks the daemon and turns what comes back, or the daemon's absence, into the answer of the call.
 * @param deadlineAtMs monotonic time at which the call must have ended.
 */
export function concludeCall(
  platform: Platform,
  request: CniRequest,
  config: NetworkConfig,
  deadlineAtMs: number,
): Outcome {
  const patienceMs = request.command === "ADD" ? addPatienceMs : 0;
  const call = { socketPath: config.socketPath, deadlineAtMs, patienceMs };
  const answer = askDaemon(platform, request, call);
  switch (answer.kind) {
    case "replied":
      return print(answer.reply, request, config);
    case "broken":
      return failed(answer.failure, request.cniVersion);
    case "late":
    case "away":
      return concludeUnanswered(platform, request, config, { answer, call });
    default: {
      const unhandled: never = answer;
      return unhandled;
    }
  }
}

interface Unanswered {
  readonly answer: Extract<Answer, { readonly kind: "late" | "away" }>;
  readonly call: DaemonCall;
}

function concludeUnanswered(
  platform: Platform,
  request: CniRequest,
  config: NetworkConfig,
  { answer, call }: Unanswered,
): Outcome {
  const reason =
    answer.kind === "away"
      ? answer.reason
      : `the daemon did not answer within ${deadlineMs[request.command] / 1000} s`;
  if (request.command === "STATUS") return concludeStatus(platform, request, call, reason);
  if (request.command === "DEL" && answer.kind === "away") {
    return concludeDelete(platform, request, config, { call, reason });
  }
  return failure(request, cniErrorCodes.tryAgainLater, reason);
}

/** A rollout of the daemon must not make the node NotReady: its last sign of life counts for a minute. */
function concludeStatus(platform: Platform, request: CniRequest, call: DaemonCall, reason: string): Outcome {
  const servedAtMs = platform.modifiedAtMs(servingFile(runtimeDirectory(call.socketPath)));
  const recently = servedAtMs !== undefined && Math.abs(platform.wallClockMs() - servedAtMs) < servingTrustMs;
  return recently ? silentSuccess : failure(request, cniErrorCodes.pluginNotAvailable, reason);
}

/** The DEL goes on record; a daemon that came up meanwhile may have scanned too early, so it is asked once more. */
function concludeDelete(
  platform: Platform,
  request: CniRequest,
  config: NetworkConfig,
  { call, reason }: { readonly call: DaemonCall; readonly reason: string },
): Outcome {
  const spooled = spoolRequest(platform, call.socketPath, request);
  const again = askDaemon(platform, request, call);
  if (again.kind === "replied") {
    if (spooled.ok) platform.remove(spooled.path);
    return print(again.reply, request, config);
  }
  if (spooled.ok) return silentSuccess;
  return failure(
    request,
    cniErrorCodes.ioFailure,
    `${reason}; the DEL cannot be kept for it: ${spooled.reason}`,
  );
}

function print(reply: CniReply, request: CniRequest, config: NetworkConfig): Outcome {
  if (!reply.ok) return failed(reply.error, request.cniVersion);
  if (reply.result === undefined) return silentSuccess;
  return succeeded(reply.result, request.cniVersion, config.prevResult);
}

function failure(request: CniRequest, code: CniErrorCode, msg: string): Outcome {
  return failed({ code, msg, details: whatToDo }, request.cniVersion);
}
