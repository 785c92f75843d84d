import { type EventObject, enqueueActions } from "xstate";
import type { KnownAttachment } from "../../src/domain/kubernetes/pod-watch-join.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import type { AttachmentCall, PodCommand, PodInput } from "../pod/pod-events.ts";
import type { podMachine } from "../pod/pod-machine.ts";
import type { News } from "../support/news.ts";
import type { Recipient } from "../support/recipient.ts";
import { childId, withSlot } from "../support/slots.ts";
import type { Attachment, HeldCall, PodsContext } from "./pods-context.ts";
import type { PodsEvent } from "./pods-events.ts";

/**
 * The registry as one event changes it: the functions of this folder work on it, and the machine stores what came of it.
 * What is sent and spawned goes out in order.
 */
export interface RegistryDraft extends PodsContext {
  pools: PodsContext["pools"];
  slots: PodsContext["slots"];
  held: PodsContext["held"];
  collections: PodsContext["collections"];
  readonly self: Recipient<PodsEvent>;
  send<Event extends EventObject>(to: Recipient<Event>, event: Event): void;
  /** For metrics and traces. */
  emit(news: News): void;
  tellPod(slot: number, command: PodCommand): void;
  spawnPod(input: Omit<PodInput, "registry" | "links" | "policy">): void;
  /** Forgets the pod whose end came. */
  dropPod(actorId: string): void;
}

type Pod = { src: "pod"; logic: typeof podMachine; id: string | undefined };

/** An action of the registry. */
export function decide<Params>(work: (draft: RegistryDraft, params: Params) => void) {
  return enqueueActions<PodsContext, PodsEvent, Params, PodsEvent, Pod, never, never, never, News>(
    ({ context, enqueue, self }, params) => {
      const draft: RegistryDraft = {
        ...context,
        self,
        send: (to, event) => enqueue.sendTo(to, event),
        emit: (news) => enqueue.emit(news),
        tellPod: (slot, command) => enqueue.sendTo(childId("pod", slot), command),
        spawnPod: (input) =>
          enqueue.spawnChild("pod", {
            id: childId("pod", input.slot),
            input: { ...input, registry: self, links: context.links, policy: context.policy },
          }),
        dropPod: (actorId) => enqueue.stopChild(actorId),
      };
      work(draft, params);
      const { pools, slots, held, collections } = draft;
      enqueue.assign({ pools, slots, held, collections });
      // What nobody waits for comes after the answers.
      if (pools.some((pool, index) => pool !== context.pools[index]))
        enqueue.sendTo("hints", { type: "hints.changed", pools });
      if (slots !== context.slots) reportChanges(draft, context.slots);
    },
  );
}

export function setSlot(draft: RegistryDraft, slot: number, attachment: Attachment | null): void {
  draft.slots = withSlot(draft.slots, slot, attachment);
}

/** Answers a call that no pod has with a failure. */
export function refuse(draft: RegistryDraft, call: HeldCall, failure: CniFailure): void {
  draft.send(call.replyTo, { type: "pod.failed", requestId: call.requestId, failure });
  if (call.type !== "pods.collectWanted") reportRefused(draft, call, failure);
}

export function reportRefused(draft: RegistryDraft, { request }: AttachmentCall, failure: CniFailure): void {
  const { command, pod } = request;
  draft.send(draft.parent, { type: "call.refused", command, pod, failure });
}

/** Tells the root which attachments began and ended to stand, and how many use addresses. */
function reportChanges(draft: RegistryDraft, before: PodsContext["slots"]): void {
  const added: KnownAttachment[] = [];
  const removed: string[] = [];
  let moreUsed = 0;
  // No iterator: it would make an array for each slot, at each step of each pod.
  for (let slot = 0; slot < draft.slots.length; slot += 1) {
    const is = draft.slots[slot] ?? null;
    const was = before[slot] ?? null;
    if (was === is) continue;
    moreUsed += Number(usesAddresses(is)) - Number(usesAddresses(was));
    if (was?.standing && !is?.standing) removed.push(was.key);
    if (is?.standing && !was?.standing && is.plan !== null) added.push(knownAttachment(is.plan));
  }
  if (removed.length > 0) draft.emit({ type: "attachments.ended", keys: removed });
  if (added.length === 0 && removed.length === 0 && moreUsed === 0) return;
  const count = draft.slots.filter(usesAddresses).length;
  draft.send(draft.parent, { type: "attachments.changed", added, removed, count });
}

function usesAddresses(attachment: Attachment | null): boolean {
  return attachment !== null && attachment.plan !== null;
}

function knownAttachment({ key, network, containerId, ifname, podUid }: KnownAttachment): KnownAttachment {
  return { key, network, containerId, ifname, podUid };
}
