import { claimAddress, releaseAddress } from "../../src/domain/addresses/address-pool.ts";
import { type AttachmentPlan, attachmentKey } from "../../src/domain/attachment/attachment.ts";
import { exhausted, tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { planAttachment } from "../../src/domain/attachment/pod-network-plan.ts";
import { toFailure } from "../../src/domain/failure.ts";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import { cniFailure, notAttached } from "../pod/pod-calls.ts";
import type { AttachmentCall, AttachmentReport, PodStart } from "../pod/pod-events.ts";
import { type ChildEnd, freeSlot, slotOfChild } from "../support/slots.ts";
import type { Attachment } from "./pods-context.ts";
import { type RegistryDraft, refuse, reportRefused, setSlot } from "./registry-draft.ts";

type Report<Type> = Extract<AttachmentReport, { type: Type }>;

/** Hands a call to the pod of its key; a key without pod gets one if there is something to do. */
export function handOn(draft: RegistryDraft, call: AttachmentCall): void {
  const key = keyOf(call);
  const slot = draft.slots.findIndex((attachment) => attachment?.key === key);
  const attachment = draft.slots[slot];
  if (!attachment) begin(draft, key, call);
  else if (!attachment.abandoned) {
    const standing = attachment.standing && call.type !== "pod.detachWanted";
    setSlot(draft, slot, { ...attachment, standing, calls: [...attachment.calls, call] });
    draft.tellPod(slot, call);
  } else if (call.type === "pod.checkWanted") refuse(draft, call, notAttached(key));
  // A new pod removes first what the one that died may have left.
  else if (attachment.plan !== null) open(draft, slot, attachment.plan, "detach", call);
}

/** A call for a key of which nothing is in the kernel. */
function begin(draft: RegistryDraft, key: string, call: AttachmentCall): void {
  switch (call.type) {
    case "pod.checkWanted":
      refuse(draft, call, notAttached(key));
      return;
    case "pod.detachWanted":
      draft.send(call.replyTo, { type: "pod.detached", requestId: call.requestId });
      return;
    case "pod.attachWanted": {
      const claim = claimPlan(draft, call);
      if (claim.ok) open(draft, freeSlot(draft.slots), claim.plan, "attach", call);
      else refuse(draft, call, claim.failure);
      return;
    }
    default:
      call satisfies never;
  }
}

/** Runs a pod in a slot. */
export function open(
  draft: RegistryDraft,
  slot: number,
  plan: AttachmentPlan,
  start: PodStart,
  call: AttachmentCall | null,
): void {
  const calls = call === null ? [] : [call];
  setSlot(draft, slot, { key: plan.key, plan, standing: start === "attached", calls });
  draft.spawnPod({ slot, plan, start, call });
}

/** A pod answered one of its calls. */
export function answered(draft: RegistryDraft, { slot, answer }: Report<"pod.answered">): void {
  const attachment = draft.slots[slot];
  const call = attachment?.calls.find(({ requestId }) => requestId === answer.requestId);
  if (!attachment || call === undefined) return;
  setSlot(draft, slot, {
    ...attachment,
    standing: attachment.standing || answer.type === "pod.attached",
    calls: attachment.calls.filter((other) => other !== call),
  });
  if (answer.type === "pod.failed") reportRefused(draft, call, answer.failure);
  goOn(draft, slot);
}

/** The link is gone: the addresses rest from now on. */
export function idle(draft: RegistryDraft, { slot, releasedAtMs }: Report<"pod.idle">): void {
  const attachment = draft.slots[slot];
  if (!attachment) return;
  const rules = { nowMs: releasedAtMs, restMs: draft.settings.restMs };
  for (const address of attachment.plan?.addresses ?? [])
    draft.pools = draft.pools.map((pool) => releaseAddress(pool, address, rules));
  setSlot(draft, slot, { ...attachment, plan: null, standing: false });
  goOn(draft, slot);
}

/**
 * What becomes of an idle pod: its oldest ADD gets addresses; without any call it ends. DELs and CHECKs it answers by
 * itself, and this is asked again after each answer.
 */
function goOn(draft: RegistryDraft, slot: number): void {
  const attachment = draft.slots[slot];
  if (!attachment || attachment.plan !== null || attachment.key === "" || attachment.abandoned) return;
  const { calls } = attachment;
  const attach = calls.find(({ type }) => type === "pod.attachWanted");
  if (calls.length === 0) {
    setSlot(draft, slot, { ...attachment, key: "" });
    draft.tellPod(slot, { type: "pod.release" });
  } else if (attach !== undefined) {
    const { requestId } = attach;
    const claim = claimPlan(draft, attach);
    if (!claim.ok) draft.tellPod(slot, { type: "pod.refused", requestId, failure: claim.failure });
    else {
      setSlot(draft, slot, { ...attachment, plan: claim.plan });
      draft.tellPod(slot, { type: "pod.planned", requestId, plan: claim.plan });
    }
  }
}

/**
 * A pod ended. If it died of a mistake in this program its addresses stay used, because nobody knows how far it was,
 * until a DEL asks the kernel anew.
 */
export function podEnded(draft: RegistryDraft, end: ChildEnd): void {
  draft.dropPod(end.actorId);
  const slot = slotOfChild("pod", end.actorId);
  const attachment = draft.slots[slot];
  if (!attachment) return;
  if (!("error" in end)) {
    setSlot(draft, slot, null);
    return;
  }
  const failure = toFailure(end.error);
  draft.emit({ type: "failure.occurred", failure });
  for (const call of attachment.calls)
    refuse(draft, call, { ...cniFailure(call, attachment.key, failure), code: cniErrorCodes.internal });
  const left: Attachment = { ...attachment, standing: false, calls: [], abandoned: true };
  setSlot(draft, slot, attachment.plan === null ? null : left);
}

/** One address of each prefix and what follows from them, or why there is none. */
function claimPlan(
  draft: RegistryDraft,
  call: AttachmentCall,
):
  | { readonly ok: true; readonly plan: AttachmentPlan }
  | { readonly ok: false; readonly failure: CniFailure } {
  if (draft.refusal !== "")
    return { ok: false, failure: tryAgain(draft.refusal, "Pods that run here keep their network.") };
  const { strategy, restMs, mtu } = draft.settings;
  // Other nodes may not have heard yet that the last owner of an address is gone, and go by its policies.
  const rules = { strategy, restMs, nowMs: call.atMs, keepsRest: draft.policy !== null };
  const claims = draft.pools.map((pool) => claimAddress(pool, rules));
  const full = claims.find((claim) => !claim.ok);
  if (full !== undefined && !full.ok) return { ok: false, failure: exhausted(full.exhausted) };
  const given = claims.filter((claim) => claim.ok);
  draft.pools = given.map((claim) => claim.pool);
  const addresses = given.map((claim) => claim.address);
  const order = freeOrder(draft, call);
  const { routerAddresses } = draft;
  return { ok: true, plan: planAttachment(call.request, { routerAddresses, mtu }, { addresses, order }) };
}

/** 0 for a container's first interface; a further one takes the lowest number that its others do not have. */
function freeOrder(draft: RegistryDraft, { request }: AttachmentCall): number {
  const prefix = attachmentKey(request.containerId, "");
  const taken = draft.slots.flatMap((attachment) =>
    attachment?.plan?.key.startsWith(prefix) ? [attachment.plan.order] : [],
  );
  let order = 0;
  while (taken.includes(order)) order += 1;
  return order;
}

function keyOf({ request }: AttachmentCall): string {
  return attachmentKey(request.containerId, request.ifname);
}
