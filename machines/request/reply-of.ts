import { tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { mismatchFailure } from "../../src/domain/attachment/cni-result.ts";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import type { CniFailure, CniReply, CniRequest } from "../../src/protocol/cni-protocol.ts";
import { failureReply, successReply } from "../../src/protocol/reply.ts";
import type { PodAnswer } from "../pods/pods-events.ts";

/** The registry's answer to a call as the reply to its exchange. */
export function replyOf(request: CniRequest, answer: PodAnswer): CniReply {
  switch (answer.type) {
    case "pod.attached":
      return successReply(answer.result);
    case "pod.detached":
      return successReply();
    case "pod.checked": {
      const { mismatches } = answer;
      if (mismatches.length === 0) return successReply();
      return failureReply(mismatchFailure(`${request.containerId}/${request.ifname}`, mismatches));
    }
    case "pods.collected":
      return collectedReply(answer.removed, answer.failures);
    case "pods.status":
      return answer.ready ? successReply() : notAvailable(answer.reason);
    case "pod.failed":
      return failureReply(answer.failure);
    default: {
      const unhandled: never = answer;
      return unhandled;
    }
  }
}

/** Code 50: this node cannot serve pods, `reason` says why. */
export function notAvailable(reason: string): CniReply {
  return failureReply({
    code: cniErrorCodes.pluginNotAvailable,
    msg: `this node does not serve pods yet: ${reason}`,
    details: "The daemon's /ready and `headcnictl status` say more.",
  });
}

/** The answer when even the registry did not say in time how far it is. */
export function silentReply(): CniReply {
  return failureReply(tryAgain("the daemon did not answer in time", "The runtime may repeat the call."));
}

/** GC reports every error (CNI specification 1.1.0); its code is that of the first. */
function collectedReply(removed: number, failures: readonly CniFailure[]): CniReply {
  const [first] = failures;
  if (first === undefined) return successReply();
  return failureReply({
    code: first.code,
    msg: `GC removed ${removed} attachments and failed with ${failures.length}`,
    details: failures.map(({ msg, details }) => `${msg} (${details})`).join("; "),
  });
}
