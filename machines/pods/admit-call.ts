import { claimAddress } from "../../src/domain/address-pool.ts";
import { attachmentKey } from "../../src/domain/attachment.ts";
import { exhausted, tryAgain } from "../../src/domain/cni-failure.ts";
import { planAttachment } from "../../src/domain/pod-network-plan.ts";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import type { CniRequest } from "../../src/protocol/wire-types.ts";
import { answer, type Desk, openRow, refuse, slotOf, tell } from "./desk.ts";
import type { Job, Row } from "./pods-context.ts";

/** Begins a call, or queues it behind the others of its key. Keys go in parallel, calls of one key one after another. */
export function admit(desk: Desk, job: Job): void {
  const key = attachmentKey(job.request.containerId, job.request.ifname);
  const slot = slotOf(desk.rows, key);
  const row = desk.rows[slot];
  if (!row) begin(desk, key, job);
  else if (job.kind === "detach") overtake(desk, slot, row, job);
  else if (row.state === "attached" && row.job === null) work(desk, slot, row, job);
  else desk.rows[slot] = { ...row, queue: [...row.queue, job] };
}

/** The oldest waiting call of an attachment whose pod is free. */
export function workOn(desk: Desk, slot: number): void {
  const row = desk.rows[slot];
  const [next, ...queue] = row?.queue ?? [];
  if (row && next !== undefined) work(desk, slot, { ...row, queue }, next);
}

/** A call for a key that has no pod. */
function begin(desk: Desk, key: string, job: Job): void {
  const common = { key, job, queue: [] };
  switch (job.kind) {
    case "check":
      refuse(desk, job, {
        code: cniErrorCodes.unknownContainer,
        msg: `${key} is not attached`,
        details: "Nothing of this attachment is left in the kernel.",
      });
      return;
    case "detach": {
      // Something half made may stand in the kernel under a link name that follows from the key.
      const plan = planAttachment(job.request, nodeOf(desk), { addresses: [], order: 0 });
      openRow(desk, { ...common, plan, state: "detaching" }, "detach");
      return;
    }
    case "attach": {
      if (desk.refusal !== "") {
        refuse(desk, job, tryAgain(desk.refusal, "Pods that run here keep their network."));
        return;
      }
      const addresses = claimAddresses(desk, job);
      if (addresses === undefined) return;
      const order = freeOrder(desk, job.request);
      const plan = planAttachment(job.request, nodeOf(desk), { addresses, order });
      openRow(desk, { ...common, plan, state: "attaching" }, "attach");
      return;
    }
    default:
      job.kind satisfies never;
  }
}

/** A call for an attachment that stands and whose pod is free. */
function work(desk: Desk, slot: number, row: Row, job: Job): void {
  const { netns } = job.request;
  switch (job.kind) {
    case "attach":
      desk.rows[slot] = { ...row, job, state: "verifying" };
      tell(desk, slot, { type: "pod.verify", netns });
      return;
    case "check":
      desk.rows[slot] = { ...row, job, state: "checking" };
      tell(desk, slot, { type: "pod.check", netns });
      return;
    case "detach":
      overtake(desk, slot, row, job);
      return;
    default:
      job.kind satisfies never;
  }
}

/** A DEL goes before everything of its key that came earlier: those calls end now, a running ADD is cancelled. */
function overtake(desk: Desk, slot: number, row: Row, job: Job): void {
  const earlier = row.job === null ? row.queue : [row.job, ...row.queue];
  for (const call of earlier) {
    if (call.kind !== "detach")
      refuse(desk, call, tryAgain(`${row.key}: a DEL came after this call`, "Nothing is left of it."));
  }
  const detaches = earlier.filter((call) => call.kind === "detach");
  switch (row.state) {
    case "releasing":
      answer(desk, job, { type: "pod.detached", requestId: job.requestId });
      desk.rows[slot] = { ...row, job: null, queue: detaches };
      return;
    case "detaching": {
      const [first, ...queue] = [...detaches, job];
      desk.rows[slot] = { ...row, job: first ?? job, queue };
      return;
    }
    case "attaching":
    case "attached":
    case "checking":
    case "verifying":
    case "pausing":
      desk.rows[slot] = { ...row, job, queue: detaches, state: "detaching" };
      tell(desk, slot, { type: "pod.detach" });
      return;
    default:
      row.state satisfies never;
  }
}

function nodeOf({ routerAddresses, settings }: Desk) {
  return { routerAddresses, mtu: settings.mtu };
}

/** One address of each prefix, or undefined after the call was refused. */
function claimAddresses(desk: Desk, job: Job): readonly string[] | undefined {
  const { strategy, restMs } = desk.settings;
  const claims = desk.pools.map((pool) => claimAddress(pool, { strategy, restMs, nowMs: job.atMs }));
  const full = claims.find((claim) => !claim.ok);
  if (full !== undefined && !full.ok) {
    refuse(desk, job, exhausted(full.exhausted));
    return undefined;
  }
  const given = claims.filter((claim) => claim.ok);
  desk.pools = given.map((claim) => claim.pool);
  return given.map((claim) => claim.address);
}

/** 0 for a container's first interface; a further one takes the lowest number that its others do not have. */
function freeOrder(desk: Desk, request: CniRequest): number {
  const prefix = attachmentKey(request.containerId, "");
  const taken = desk.rows.flatMap((row) => (row?.key.startsWith(prefix) ? [row.plan.order] : []));
  let order = 0;
  while (taken.includes(order)) order += 1;
  return order;
}
