import { HeadcniError } from "../../domain/failure.ts";
import type { KernelRefused, KernelStateFailure } from "../../ports/kernel-state.ts";
import type { PodNetworkFailure } from "../../ports/pod-network.ts";
import { NamespaceError } from "./namespaces/namespaces.ts";
import { NetlinkError, type Refusal } from "./netlink-socket.ts";
import { NetlinkDecodeError } from "./wire-format/netlink-decode-error.ts";

/** What both ports throw; `detail.code` tells what happened. */
export class KernelRefusal extends HeadcniError<PodNetworkFailure | KernelStateFailure> {}

/** The error for a refused operation ("route.add"). */
export function kernelRefused(
  operation: string,
  { errno, text }: Pick<Refusal, "errno" | "text">,
): KernelRefusal {
  const failure = { code: "KERNEL_REFUSED", errno, operation, text } as const;
  return new KernelRefusal(describeRefusal(failure), failure);
}

export function describeRefusal(failure: KernelRefused): string {
  const words = failure.text === "" ? "" : ` (${failure.text})`;
  return `the kernel refused ${failure.operation}: ${failure.errno}${words}`;
}

/** What a failed system call means to the callers of the ports; undefined for everything that is a bug. */
export function toKernelRefused(error: unknown): KernelRefused | undefined {
  if (error instanceof NetlinkError) return netlinkFailure(error);
  if (error instanceof NetlinkDecodeError)
    return { code: "KERNEL_REFUSED", errno: "EBADMSG", operation: "netlink", text: error.message };
  if (error instanceof NamespaceError && error.detail.code === "SYSCALL_FAILED")
    return { code: "KERNEL_REFUSED", errno: error.detail.errno, operation: error.detail.call, text: "" };
  return systemFailure(error);
}

function netlinkFailure(error: NetlinkError): KernelRefused {
  const { detail } = error;
  switch (detail.code) {
    case "REFUSED":
      return { code: "KERNEL_REFUSED", errno: detail.errno, operation: "netlink", text: detail.text };
    case "SYSCALL_FAILED":
      return { code: "KERNEL_REFUSED", errno: detail.errno, operation: detail.call, text: "" };
    case "NO_ANSWER":
      return { code: "KERNEL_REFUSED", errno: "ENOMSG", operation: "netlink", text: error.message };
    default: {
      const unhandled: never = detail;
      return unhandled;
    }
  }
}

/** Errors of node:fs: files under /proc/sys, namespace files. */
function systemFailure(error: unknown): KernelRefused | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return {
    code: "KERNEL_REFUSED",
    errno: String(error.code),
    operation: String(error.syscall),
    text: error.message,
  };
}
