import type { ObservedAttachment } from "../../../domain/attachment/attachment.ts";
import { formatLinkAlias } from "../../../domain/attachment/link-alias.ts";
import { leavingLinkGroup } from "../../../domain/kernel/kernel-constants.ts";
import { runSteps, type Step, stepRefused } from "../steps.ts";
import { setLink } from "../wire-format/link-messages.ts";
import { deleteRoute } from "../wire-format/route-messages.ts";
import type { WorkerKernel } from "../worker/worker-kernel.ts";
import { hostRoute } from "./attachment-steps.ts";
import {
  type FoundLink,
  findLink,
  findLinks,
  findPodRoutes,
  observedAttachment,
} from "./find-attachments.ts";

/** Absence of the link, or of a route that went with it. */
const alreadyGone = ["ENODEV", "ESRCH"];

/**
 * Takes the attachment's routes and marks it `leaving`, in one `send`. The link waits for the deletion of its group.
 * False when there is no such link of ours.
 */
export function detach(kernel: WorkerKernel, hostLink: string): boolean {
  const found = findLink(kernel.node.requests, hostLink);
  if (found === undefined) return false;
  const [refusal] = runSteps(kernel.node.requests, leavingSteps(found));
  if (refusal !== undefined) throw stepRefused(refusal);
  return true;
}

/**
 * The routes first: once a link is in the leaving group, `removeLeaving` of another pod may delete it between two steps, and
 * the kernel would tell of its IPv6 route as of a foreign change.
 */
export function leavingSteps({ link, alias }: FoundLink): readonly Step[] {
  const change = {
    group: leavingLinkGroup,
    ...(alias === undefined ? {} : { alias: formatLinkAlias({ ...alias, state: "leaving" }) }),
  };
  return [
    ...(alias?.addresses ?? []).map((address) => ({
      operation: "hostRoute.remove",
      message: deleteRoute(hostRoute(address, link.index, [])),
      tolerated: alreadyGone,
    })),
    { operation: "link.leave", message: setLink({ index: link.index }, change), tolerated: alreadyGone },
  ];
}

/** All attachments of our groups whose alias can be read. */
export function list(kernel: WorkerKernel): readonly ObservedAttachment[] {
  const links = findLinks(kernel.node.requests);
  const routes = findPodRoutes(kernel.node.requests);
  return links
    .map((found) => observedAttachment(found, routes.get(found.link.index) ?? []))
    .filter((attachment) => attachment !== undefined);
}
