import type { ObservedAttachment } from "../../domain/attachment.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "../../domain/kernel-constants.ts";
import type { KernelRoute } from "../../domain/kernel-state.ts";
import { hostRoute } from "./attachment-steps.ts";
import { leavingSteps, list } from "./detach.ts";
import { type FoundLink, findLinks, findPodRoutes } from "./find-attachments.ts";
import { deleteLinkGroup, setLink } from "./link-messages.ts";
import { newRoute } from "./route-messages.ts";
import { runSteps, type Step, stepRefused } from "./steps.ts";
import type { WorkerKernel } from "./worker-kernel.ts";

/** A batch is bounded so that its answers fit the socket's receive buffer. */
const linksPerBatch = 50;

/**
 * Removes every link of ours that is not `ready` (waits for it) and gives the `ready` ones back what they lack: up, routes,
 * preferred source. What is there afterwards.
 */
export function recover(
  kernel: WorkerKernel,
  routerAddresses: readonly string[],
): readonly ObservedAttachment[] {
  const links = findLinks(kernel.node.requests);
  const isReady = (found: FoundLink): boolean =>
    found.link.group === attachmentLinkGroup && found.alias?.state === "ready";
  removeLinks(
    kernel,
    links.filter((found) => !isReady(found)),
  );
  const routes = findPodRoutes(kernel.node.requests);
  const repairs = links
    .filter(isReady)
    .map((found) => repairSteps(found, routes.get(found.link.index) ?? [], routerAddresses));
  runInBatches(kernel, repairs);
  return list(kernel);
}

function removeLinks(kernel: WorkerKernel, links: readonly FoundLink[]): void {
  if (links.length === 0) return;
  runInBatches(kernel, links.map(leavingSteps));
  const remove: Step = {
    operation: "link.remove",
    message: deleteLinkGroup(leavingLinkGroup),
    tolerated: ["ENODEV"],
  };
  const [refusal] = runSteps(kernel.node.requests, [remove]);
  if (refusal !== undefined) throw stepRefused(refusal);
}

function repairSteps(
  { link, alias }: FoundLink,
  routes: readonly KernelRoute[],
  routerAddresses: readonly string[],
): readonly Step[] {
  // Everything may vanish while we look: its sandbox may end at any time. EEXIST: another attachment holds the address.
  const tolerated = ["ENODEV", "EEXIST"];
  const up: Step = { operation: "link.up", message: setLink({ index: link.index }, { up: true }), tolerated };
  const missing = (alias?.addresses ?? []).flatMap((address) => {
    const wanted = hostRoute(address, link.index, routerAddresses);
    const present = routes.find((route) => route.destination === wanted.destination);
    if (present !== undefined && present.preferredSource === wanted.preferredSource) return [];
    const mode = present === undefined ? "exclusive" : "replace";
    return [{ operation: "hostRoute.add", message: newRoute(wanted, mode), tolerated }];
  });
  return link.up ? missing : [up, ...missing];
}

function runInBatches(kernel: WorkerKernel, stepsPerLink: readonly (readonly Step[])[]): void {
  for (let start = 0; start < stepsPerLink.length; start += linksPerBatch) {
    const steps = stepsPerLink.slice(start, start + linksPerBatch).flat();
    const [refusal] = steps.length === 0 ? [] : runSteps(kernel.node.requests, steps);
    if (refusal !== undefined) throw stepRefused(refusal);
  }
}
