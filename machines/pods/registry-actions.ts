import { attachmentKey } from "../../src/domain/attachment.ts";
import { toFailure } from "../../src/domain/failure.ts";
import type { PodReport } from "../pod/pod-events.ts";
import { admit } from "./admit-call.ts";
import { atDesk, podSlot } from "./at-desk.ts";
import { collect, settleCollected } from "./collect-garbage.ts";
import { type Desk, refuse } from "./desk.ts";
import { adopt, ending, hold, refuseHeld, serveHeld } from "./hold-call.ts";
import type { HeldCollection, Job } from "./pods-context.ts";
import type { AttachmentCall, CollectCall, PodAnswer, PodEnd, Recovered } from "./pods-events.ts";
import {
  abandonRow,
  closeRow,
  settleAttached,
  settleChecked,
  settleCheckFailed,
  settleLingers,
  settleUnrouted,
} from "./settle-call.ts";
import { withdraw } from "./withdraw-call.ts";

const kinds = {
  "pod.attachWanted": "attach",
  "pod.detachWanted": "detach",
  "pod.checkWanted": "check",
} as const;

/** What the registry of pods does; each decides at a desk (desk.ts). */
export const registryActions = {
  admit: atDesk((desk, call: AttachmentCall) => admit(desk, jobOf(call))),
  collect: atDesk((desk, call: CollectCall, registry) => collect(desk, heldCollection(call), registry)),
  hold: atDesk((desk, call: AttachmentCall | CollectCall) =>
    hold(desk, call.type === "pods.collectWanted" ? heldCollection(call) : jobOf(call)),
  ),
  serveHeld: atDesk((desk, _: undefined, registry) => serveHeld(desk, registry)),
  refuse: atDesk((desk, call: AttachmentCall) => refuse(desk, call, ending)),
  refuseHeld: atDesk((desk, _: undefined) => refuseHeld(desk)),
  withdraw: atDesk((desk, { requestId }: { readonly requestId: string }) => withdraw(desk, requestId)),
  adopt: atDesk((desk, recovered: Recovered) => adopt(desk, recovered)),
  settle: atDesk((desk, report: PodReport) => settle(desk, report)),
  settleCollected: atDesk((desk, event: Extract<PodAnswer, { type: "pod.detached" | "pod.failed" }>) =>
    settleCollected(desk, event),
  ),
  closeRow: atDesk((desk, end: PodEnd) => {
    if ("output" in end) closeRow(desk, podSlot(end.actorId), end.output.releasedAtMs);
    else abandonRow(desk, podSlot(end.actorId), toFailure(end.error));
  }),
};

function jobOf({ type, request, requestId, replyTo, atMs }: AttachmentCall): Job {
  return { kind: kinds[type], request, requestId, replyTo, atMs, tries: 0 };
}

function heldCollection({ requestId, network, valid, replyTo, atMs }: CollectCall): HeldCollection {
  const keys = valid.map(({ containerId, ifname }) => attachmentKey(containerId, ifname));
  return { kind: "collect", requestId, network, valid: keys, replyTo, atMs };
}

function settle(desk: Desk, report: PodReport): void {
  switch (report.type) {
    case "attachment.attached":
      settleAttached(desk, report.key, report.plan);
      return;
    case "attachment.checked":
      settleChecked(desk, report.key, report.plan, report.mismatches);
      return;
    case "attachment.checkFailed":
      settleCheckFailed(desk, report.key, report.failure);
      return;
    case "attachment.unrouted":
      settleUnrouted(desk, report.key, report.failure);
      return;
    case "attachment.lingers":
      settleLingers(desk, report.key, report.failure);
      return;
    default:
      report satisfies never;
  }
}
