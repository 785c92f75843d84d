import type { AttachedLinks, AttachmentPlan, WorkPart } from "../../../domain/attachment/attachment.ts";
import { KernelRefusal } from "../kernel-errors.ts";
import { NamespaceError, type OpenNamespace } from "../namespaces/namespaces.ts";
import { type NetlinkSocket, openNetlinkSocket, smallInputBytes } from "../netlink-socket.ts";
import { runSteps, type Step, type StepRefusal, stepRefused } from "../steps.ts";
import { deleteLink } from "../wire-format/link-messages.ts";
import type { WorkerKernel } from "../worker/worker-kernel.ts";
import {
  commitSteps,
  hostRouteOperation,
  hostSteps,
  type LinkIndexes,
  podAddressOperation,
  podSteps,
} from "./attachment-steps.ts";
import { findAnyLink } from "./find-attachments.ts";
import { settleAddresses } from "./settle-addresses.ts";

const maximumIndexAttempts = 4;

/**
 * Makes the attachment whole (three `send`s: host, pod, commit) or throws KernelRefusal and leaves nothing. Runs to
 * its end without yielding, so no other request of this thread ever sees half of it.
 */
export function attach(kernel: WorkerKernel, plan: AttachmentPlan): AttachedLinks {
  const { parts, done } = stopwatch();
  const netns = openPodNamespace(kernel, plan.netns);
  done("open the namespace");
  try {
    const indexes = makeHostSide(kernel, plan, netns);
    done("host side: link, alias, routes");
    try {
      // A pod must not become the node's IPv6 router by announcing itself (CVE-2020-10749).
      if (kernel.hasIpv6) kernel.sysctls.write(`net/ipv6/conf/${plan.hostLink}/accept_ra`, "0");
      makePodSide(kernel, plan, netns, indexes.pod);
      done("pod side: addresses, routes");
      commit(kernel, plan, netns, indexes.host);
      done("commit");
    } catch (error) {
      removeLink(kernel, indexes.host);
      throw error;
    }
    return { netnsInode: netns.inode, parts };
  } finally {
    kernel.namespaces.close(netns);
  }
}

/** Each `done` says how long it was since the last. */
function stopwatch() {
  const parts: WorkPart[] = [];
  let since = performance.now();
  const done = (name: string): void => {
    const now = performance.now();
    parts.push({ name, ms: Math.round((now - since) * 1000) / 1000 });
    since = now;
  };
  return { parts, done };
}

/** Throws KernelRefusal NETNS_MISSING or NETNS_INVALID; the node's own namespace is no pod's. */
export function openPodNamespace(kernel: WorkerKernel, path: string): OpenNamespace {
  try {
    const netns = kernel.namespaces.open(path);
    if (netns.inode !== kernel.namespaces.home.inode) return netns;
    kernel.namespaces.close(netns);
  } catch (cause) {
    if (!(cause instanceof NamespaceError)) throw cause;
    if (cause.detail.code === "MISSING")
      throw new KernelRefusal(cause.message, { code: "NETNS_MISSING", netns: path }, { cause });
    throw new KernelRefusal(cause.message, { code: "NETNS_INVALID", netns: path }, { cause });
  }
  throw new KernelRefusal(`"${path}" is the node's own network namespace`, {
    code: "NETNS_INVALID",
    netns: path,
  });
}

function makeHostSide(kernel: WorkerKernel, plan: AttachmentPlan, netns: OpenNamespace): LinkIndexes {
  for (let attempt = 1; ; attempt++) {
    const indexes = kernel.indexes.next();
    const refusals = runSteps(kernel.node.requests, hostSteps(kernel.hasIpv6, plan, indexes, netns));
    const [first] = refusals;
    if (first === undefined) return indexes;
    const made = first.index !== 0;
    if (made) removeLink(kernel, indexes.host);
    // EBUSY: somebody has taken one of the indexes in either namespace.
    else if (first.errno === "EBUSY" && attempt < maximumIndexAttempts) continue;
    throw made ? addressRefused(first) : linkRefused(kernel, plan, first);
  }
}

/** EEXIST of the pair: either our own host-side name is there, or the pod has an interface of that name. */
function linkRefused(kernel: WorkerKernel, plan: AttachmentPlan, refusal: StepRefusal): KernelRefusal {
  if (refusal.errno !== "EEXIST" || findAnyLink(kernel.node.requests, plan.hostLink) !== undefined)
    return stepRefused(refusal);
  return new KernelRefusal(`the pod already has an interface "${plan.ifname}"`, {
    code: "IFNAME_TAKEN",
    ifname: plan.ifname,
  });
}

function addressRefused(refusal: StepRefusal): KernelRefusal {
  const { operation, address } = refusal.step;
  if (operation !== hostRouteOperation || refusal.errno !== "EEXIST" || address === undefined)
    return stepRefused(refusal);
  return new KernelRefusal(`another attachment holds ${address}`, { code: "ADDRESS_TAKEN", address });
}

function makePodSide(
  kernel: WorkerKernel,
  plan: AttachmentPlan,
  netns: OpenNamespace,
  linkIndex: number,
): void {
  withPodSocket(kernel, netns, (socket) => {
    const steps = podSteps(plan, linkIndex);
    const [first] = runSteps(socket, steps);
    if (first !== undefined) {
      if (first.errno !== "EACCES" || first.step.operation !== podAddressOperation) throw stepRefused(first);
      enableIpv6(kernel, plan.ifname, netns);
      const [second] = runSteps(socket, steps);
      if (second !== undefined) throw stepRefused(second);
    }
    settleAddresses(socket, plan);
  });
}

/** A socket that stays in the pod's namespace, for the time of `work`. */
export function withPodSocket<T>(
  kernel: WorkerKernel,
  netns: OpenNamespace,
  work: (socket: NetlinkSocket) => T,
): T {
  const socket = kernel.namespaces.inside(netns, () =>
    openNetlinkSocket(kernel.libc, { inputBytes: smallInputBytes }),
  );
  try {
    return work(socket);
  } finally {
    socket.close();
  }
}

/** Sandboxes may start with net.ipv6.conf.default.disable_ipv6=1; the kernel then answers EACCES to an IPv6 address. */
function enableIpv6(kernel: WorkerKernel, ifname: string, netns: OpenNamespace): void {
  kernel.namespaces.inside(netns, () => kernel.sysctls.write(`net/ipv6/conf/${ifname}/disable_ipv6`, "0"));
}

function commit(kernel: WorkerKernel, plan: AttachmentPlan, netns: OpenNamespace, hostIndex: number): void {
  const [refusal] = runSteps(kernel.node.requests, commitSteps(plan, hostIndex, netns.inode));
  if (refusal !== undefined) throw stepRefused(refusal);
}

/** Waits for RCU (about 16 ms); an absent link is fine, anything else must be known. */
function removeLink(kernel: WorkerKernel, index: number): void {
  const step: Step = { operation: "link.remove", message: deleteLink({ index }), tolerated: ["ENODEV"] };
  const [refusal] = runSteps(kernel.node.requests, [step]);
  if (refusal !== undefined) throw stepRefused(refusal);
}
