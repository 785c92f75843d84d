import { withHints } from "../../src/domain/address-hints.ts";
import { adoptAddress } from "../../src/domain/address-pool.ts";
import { tryAgain } from "../../src/domain/cni-failure.ts";
import { planOfObserved } from "../../src/domain/pod-network-plan.ts";
import type { Recipient } from "../support/recipient.ts";
import { admit } from "./admit-call.ts";
import { collect } from "./collect-garbage.ts";
import { type Desk, openRow, refuse, slotOf } from "./desk.ts";
import type { Held } from "./pods-context.ts";
import type { PodAnswer, Recovered } from "./pods-events.ts";

/** More calls than this do not wait for the start: a runtime with so many open ones has other troubles. */
const mostHeld = 512;

/** Keeps a call until it can be served; the caller's own deadline may end the wait (`pod.withdrawn`). */
export function hold(desk: Desk, call: Held): void {
  if (desk.held.length < mostHeld) desk.held = [...desk.held, call];
  else
    refuse(
      desk,
      call,
      tryAgain(`${mostHeld} calls wait for the daemon's start already`, "Repeat the call later."),
    );
}

/** Serves in order what was held: all of it, or before the registry is open everything but ADDs. */
export function serveHeld(desk: Desk, registry: Recipient<PodAnswer>): void {
  const mayServe = (call: Held) => desk.opened || call.kind !== "attach";
  const calls = desk.held.filter(mayServe);
  desk.held = desk.held.filter((call) => !mayServe(call));
  for (const call of calls) {
    if (call.kind === "collect") collect(desk, call, registry);
    else admit(desk, call);
  }
}

/** The daemon is ending: no ADD begins any more, nor anything that still waits for the start. */
export function refuseHeld(desk: Desk): void {
  for (const call of desk.held) refuse(desk, call, ending);
  desk.held = [];
}

/** The answer to an ADD while the daemon ends. */
export const ending = tryAgain(
  "the daemon is ending: no new attachments",
  "The next daemon serves the call.",
);

/** Takes over what earlier daemons left `ready` in the kernel, and what their address pools remembered. */
export function adopt(desk: Desk, { attachments, hints }: Recovered): void {
  for (const observed of attachments) {
    if (slotOf(desk.rows, observed.key) !== -1) continue;
    for (const address of observed.addresses)
      desk.pools = desk.pools.map((pool) => adoptAddress(pool, address));
    const plan = planOfObserved(observed, desk.routerAddresses);
    openRow(desk, { key: observed.key, plan, state: "attached", job: null, queue: [] }, "attached");
  }
  desk.pools = desk.pools.map((pool) => withHints(pool, hints));
}
