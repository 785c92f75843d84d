import { withHints } from "../../src/domain/addresses/address-hints.ts";
import { adoptAddress } from "../../src/domain/addresses/address-pool.ts";
import { tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { planOfObserved } from "../../src/domain/attachment/pod-network-plan.ts";
import { freeSlot } from "../support/slots.ts";
import { collect, withdrawCollection } from "./collect-garbage.ts";
import { handOn, open } from "./hand-on.ts";
import type { HeldCall } from "./pods-context.ts";
import type { Recovered } from "./pods-events.ts";
import { type RegistryDraft, refuse } from "./registry-draft.ts";

/** More calls than this do not wait for the start: a runtime with so many open ones has other problems. */
const maxHeld = 512;

/** The answer to an ADD while the daemon ends. */
export const ending = tryAgain(
  "the daemon is ending: no new attachments",
  "The next daemon serves the call.",
);

/** Keeps a call until it can be served; the caller's own deadline may end the wait (`pod.withdrawn`). */
export function hold(draft: RegistryDraft, call: HeldCall): void {
  if (draft.held.length < maxHeld) {
    draft.held = [...draft.held, call];
    const why = draft.opened ? "until the kernel's attachments are known" : "until the node can take pods";
    draft.emit({ type: "call.queued", callId: call.requestId, why });
  } else
    refuse(
      draft,
      call,
      tryAgain(`${maxHeld} calls wait for the daemon's start already`, "Repeat the call later."),
    );
}

/** Serves in order what was held: all of it, or before the registry is open everything but ADDs. */
export function serveHeld(draft: RegistryDraft): void {
  const mayServe = (call: HeldCall) => draft.opened || call.type !== "pod.attachWanted";
  const calls = draft.held.filter(mayServe);
  draft.held = draft.held.filter((call) => !mayServe(call));
  for (const call of calls) {
    draft.emit({ type: "call.started", callId: call.requestId });
    if (call.type === "pods.collectWanted") collect(draft, call);
    else handOn(draft, call);
  }
}

/** The daemon is ending: nothing that still waits for the start begins any more. */
export function refuseHeld(draft: RegistryDraft): void {
  for (const call of draft.held) refuse(draft, call, ending);
  draft.held = [];
}

/** Nobody waits for a call any more: its deadline passed, or its client is gone. A call that a pod has is the pod's to end. */
export function withdraw(draft: RegistryDraft, requestId: string): void {
  const mine = (call: { readonly requestId: string }) => call.requestId === requestId;
  const held = draft.held.find(mine);
  if (held !== undefined) {
    draft.held = draft.held.filter((call) => call !== held);
    const starting = "the daemon is still starting: pods cannot be served yet";
    refuse(draft, held, tryAgain(starting, "The runtime may repeat the call."));
    return;
  }
  withdrawCollection(draft, requestId);
  const slot = draft.slots.findIndex((attachment) => attachment?.calls.some(mine));
  if (slot !== -1) draft.tellPod(slot, { type: "pod.withdrawn", requestId });
}

/** Takes over what earlier daemons left `ready` in the kernel, and what their address pools remembered. */
export function adopt(draft: RegistryDraft, { attachments, hints }: Recovered): void {
  const known = new Set(draft.slots.map((attachment) => attachment?.key));
  for (const observed of attachments) {
    if (known.has(observed.key)) continue;
    known.add(observed.key);
    for (const address of observed.addresses)
      draft.pools = draft.pools.map((pool) => adoptAddress(pool, address));
    open(draft, freeSlot(draft.slots), planOfObserved(observed, draft.routerAddresses), "attached", null);
  }
  draft.pools = draft.pools.map((pool) => withHints(pool, hints));
}
