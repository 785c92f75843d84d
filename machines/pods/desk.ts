import type { AddressPool } from "../../src/domain/address-pool.ts";
import type { AttachmentPlan } from "../../src/domain/attachment.ts";
import type { CniFailure } from "../../src/protocol/wire-types.ts";
import type { PodCommand, PodStart } from "../pod/pod-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { Collection, Held, Job, PodsContext, Row } from "./pods-context.ts";
import type { PodAnswer, PodsReport, PodsSettings } from "./pods-events.ts";

/** What a decision asks the machine to do, in this order. */
export type Effect =
  | { readonly do: "answer"; readonly to: Recipient<PodAnswer>; readonly answer: PodAnswer }
  | { readonly do: "spawn"; readonly slot: number; readonly plan: AttachmentPlan; readonly start: PodStart }
  | { readonly do: "tell"; readonly slot: number; readonly command: PodCommand }
  | { readonly do: "report"; readonly report: PodsReport };

/**
 * A working copy of the registry for one event: the functions of this folder change it, the machine then stores it and
 * carries out the effects. Nothing else ever sees it.
 */
export interface Desk {
  readonly settings: PodsSettings;
  readonly routerAddresses: readonly string[];
  readonly opened: boolean;
  readonly refusal: string;
  pools: AddressPool[];
  rows: (Row | null)[];
  held: Held[];
  collections: Collection[];
  readonly effects: Effect[];
}

export function openDesk(context: PodsContext): Desk {
  const { settings, routerAddresses, opened, refusal } = context;
  return {
    settings,
    routerAddresses,
    opened,
    refusal,
    pools: [...context.pools],
    rows: [...context.rows],
    held: [...context.held],
    collections: [...context.collections],
    effects: [],
  };
}

/** The part of the context that a desk may have changed. */
export function storeDesk(desk: Desk): Pick<PodsContext, "pools" | "rows" | "held" | "collections"> {
  const { pools, rows, held, collections } = desk;
  return { pools, rows, held, collections };
}

/** Slot of an attachment, or -1. */
export function slotOf(rows: readonly (Row | null)[], key: string): number {
  return rows.findIndex((row) => row?.key === key);
}

/** Puts a new row into the lowest free slot and starts its pod there. */
export function openRow(desk: Desk, row: Row, start: PodStart): void {
  const free = desk.rows.indexOf(null);
  const slot = free === -1 ? desk.rows.length : free;
  desk.rows[slot] = row;
  desk.effects.push({ do: "spawn", slot, plan: row.plan, start });
}

export function tell(desk: Desk, slot: number, command: PodCommand): void {
  desk.effects.push({ do: "tell", slot, command });
}

type Call = Pick<Job, "requestId" | "replyTo"> & Partial<Pick<Job, "request">>;

export function answer(desk: Desk, call: Call, reply: PodAnswer): void {
  desk.effects.push({ do: "answer", to: call.replyTo, answer: reply });
}

export function refuse(desk: Desk, call: Call, failure: CniFailure): void {
  const { request, requestId } = call;
  answer(desk, call, { type: "pod.failed", requestId, failure });
  if (request === undefined) return;
  const { command, pod } = request;
  desk.effects.push({ do: "report", report: { type: "call.refused", command, pod, failure } });
}
