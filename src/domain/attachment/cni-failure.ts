import { type CniErrorCode, cniErrorCodes } from "../../protocol/cni-error-codes.ts";
import type { CniFailure } from "../../protocol/cni-protocol.ts";
import type { PoolNumbers } from "../addresses/address-pool.ts";
import type { Failure } from "../failure.ts";

/** Code 11: what heals by itself, or at another attempt. `msg` says what was waited for, `details` what to do. */
export function tryAgain(msg: string, details: string): CniFailure {
  return { code: cniErrorCodes.tryAgainLater, msg, details };
}

/** No address left in a prefix of this node. */
export function exhausted(pool: PoolNumbers): CniFailure {
  return tryAgain(
    `no address left in ${pool.prefix}: ${pool.used} of ${pool.size} in use, ${pool.resting} resting`,
    "Delete pods of this node or give it a larger network.nodePodCIDR.",
  );
}

/**
 * The CNI error for what an actor threw (src/ports/pod-network.ts names the codes). A netns that is missing or is none is
 * a bad CNI_NETNS, a taken interface name a bad CNI_IFNAME (both 4, as the plugin itself says it; libcni's 8 is not in
 * the specification), a refusal of the kernel an I/O failure (5).
 */
export function toCniFailure(failure: Failure, doing: string): CniFailure {
  const [code, details] = meaningOf(failure.code);
  return { code, msg: `${doing}: ${failure.message}`, details };
}

function meaningOf(code: string): readonly [CniErrorCode, string] {
  const { invalidEnvironment, ioFailure, tryAgainLater, internal } = cniErrorCodes;
  switch (code) {
    case "NETNS_MISSING":
      return [invalidEnvironment, "CNI_NETNS must be the path of the sandbox's network namespace."];
    case "NETNS_INVALID":
      return [invalidEnvironment, "CNI_NETNS must be a network namespace other than the node's."];
    case "IFNAME_TAKEN":
      return [invalidEnvironment, "CNI_IFNAME must be a name that the sandbox does not use yet."];
    case "KERNEL_REFUSED":
      return [ioFailure, "The kernel refused; what was begun has been taken back."];
    case "ADDRESS_TAKEN":
      return [tryAgainLater, "Every address that was tried is routed by something else."];
    case "CLOSED":
    case "TIMEOUT":
      return [tryAgainLater, "The runtime may repeat the call."];
    default:
      return [internal, `An unexpected error (${code}); see the daemon's log.`];
  }
}
