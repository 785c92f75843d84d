import type { AttachmentPlan, ObservedAttachment } from "../../../domain/attachment/attachment.ts";
import { planOfObserved } from "../../../domain/attachment/pod-network-plan.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "../../../domain/kernel/kernel-constants.ts";
import type { KernelRoute } from "../../../domain/kernel/kernel-state.ts";
import { observeNeighbours } from "../namespaces/observe.ts";
import { runSteps, type Step, stepRefused } from "../steps.ts";
import { deleteLinkGroup, setLink } from "../wire-format/link-messages.ts";
import type { WorkerKernel } from "../worker/worker-kernel.ts";
import { hostNeighbourStep, hostRoute, hostRouteStep } from "./attachment-steps.ts";
import { leavingSteps, list } from "./detach.ts";
import { type FoundLink, findLinks, findPodRoutes, observedAttachment } from "./find-attachments.ts";

/** A batch is bounded so that its answers fit the socket's receive buffer. */
const linksPerBatch = 50;
/** Everything may vanish while we look, its sandbox may end at any time. EEXIST: another attachment holds the address. */
const raced = ["ENODEV", "ENETDOWN", "EEXIST"];

/**
 * Removes every link of ours that is not `ready` (waits for it) and gives the `ready` ones back what they lack: up, routes,
 * preferred source, neighbours. What is there afterwards.
 */
export function recover(
  kernel: WorkerKernel,
  routerAddresses: readonly string[],
): readonly ObservedAttachment[] {
  const links = findLinks(kernel.node.requests);
  const ready = links.filter(isReady);
  removeLinks(
    kernel,
    links.filter((found) => !isReady(found)),
  );
  // Going up may be what brings routes and neighbours down with it, so it comes before looking for them.
  runInBatches(kernel, ready.map(upSteps));
  const lacking = lackingSteps(kernel, routerAddresses);
  runInBatches(kernel, ready.map(lacking));
  return list(kernel);
}

function isReady({ link, alias }: FoundLink): boolean {
  return link.group === attachmentLinkGroup && alias?.state === "ready";
}

function removeLinks(kernel: WorkerKernel, links: readonly FoundLink[]): void {
  if (links.length === 0) return;
  runInBatches(kernel, links.map(leavingSteps));
  const message = deleteLinkGroup(leavingLinkGroup);
  runInBatches(kernel, [[{ operation: "link.remove", message }]]);
}

function upSteps({ link }: FoundLink): readonly Step[] {
  if (link.up) return [];
  return [{ operation: "link.up", message: setLink({ index: link.index }, { up: true }) }];
}

/** The host routes and neighbours that a link should have and has not. */
function lackingSteps(
  kernel: WorkerKernel,
  routerAddresses: readonly string[],
): (found: FoundLink) => readonly Step[] {
  const routesByLink = findPodRoutes(kernel.node.requests);
  const neighbours = new Set(
    observeNeighbours(kernel.node.requests).map(({ linkIndex, address }) => `${linkIndex} ${address}`),
  );
  return (found) => {
    const { index } = found.link;
    const routes = routesByLink.get(index) ?? [];
    const observed = observedAttachment(found, routes);
    if (observed === undefined) return [];
    const plan = planOfObserved(observed, routerAddresses);
    return plan.addresses.flatMap((address) => [
      ...routeStep(address, index, plan, routes),
      ...(neighbours.has(`${index} ${address}`) ? [] : [hostNeighbourStep(address, index, plan)]),
    ]);
  };
}

function routeStep(
  address: string,
  linkIndex: number,
  plan: AttachmentPlan,
  routes: readonly KernelRoute[],
): readonly Step[] {
  const wanted = hostRoute(address, linkIndex, plan.routerAddresses);
  const present = routes.find(({ destination }) => destination === wanted.destination);
  if (present !== undefined && present.preferredSource === wanted.preferredSource) return [];
  return [hostRouteStep(address, linkIndex, plan, present === undefined ? "exclusive" : "replace")];
}

function runInBatches(kernel: WorkerKernel, stepsPerLink: readonly (readonly Step[])[]): void {
  for (let start = 0; start < stepsPerLink.length; start += linksPerBatch) {
    const steps = stepsPerLink.slice(start, start + linksPerBatch).flat();
    const refusals = steps.length === 0 ? [] : runSteps(kernel.node.requests, steps);
    const unexpected = refusals.find(({ errno }) => !raced.includes(errno));
    if (unexpected !== undefined) throw stepRefused(unexpected);
  }
}
