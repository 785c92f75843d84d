import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { BoundNodes } from "../../src/domain/kubernetes/node-bindings.ts";
import { hasNetmap, ownRouteFacts, peerRoutes } from "../../src/domain/tailnet/route-facts.ts";
import { noTailnet } from "../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import { ownRouteMachine } from "../route/own-route-machine.ts";
import { peerRouteMachine } from "../route/peer-route-machine.ts";
import type { OwnRouteState, PeerRouteState } from "../route/route-events.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import { childId, freeSlot, type Slots, slotOfChild, withSlot } from "../support/slots.ts";
import { isSettled, judgedRow, type OwnRow, type PeerRow, type PeerRows, rowChanges } from "./route-rows.ts";
import type { RoutesEvent, RoutesInput } from "./routes-events.ts";

export interface RoutesContext extends RoutesInput {
  readonly status: TailnetStatus;
  /** Prefixes in the tailnet namespace's table 52. */
  readonly installed: Readonly<Record<string, true>>;
  readonly ownRows: readonly OwnRow[];
  readonly peers: PeerRows;
  /** The prefix of each peer's actor, also of one that was released and has not ended yet. */
  readonly slots: Slots<string>;
  /** The status or the table changed since the last look. */
  readonly hinted: boolean;
  readonly proven: boolean;
  /** Prefixes that are announced and no Node's, also those without a row. */
  readonly strangers: number;
  readonly failure: Failure | null;
}

/** Actors for peers' prefixes at once; XState slows down with thousands of children under one parent. */
const maxPeerActors = 64;

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const routesLimits = { read: 5000, settle: 50, again: 1000 };

export function initialRoutes(input: RoutesInput): RoutesContext {
  return {
    ...input,
    status: noTailnet,
    installed: {},
    ownRows: input.own.map((prefix, index) => ({
      prefix,
      slot: `own-${index}`,
      state: "announcing",
      takenBy: "",
    })),
    peers: {},
    slots: [],
    hinted: false,
    proven: false,
    strangers: 0,
    failure: null,
  };
}

/** Vocabulary of the routes machine: what its chart in routes-machine.ts is written with. */
export const routesSetup = setup({
  types: {} as MachineTypes & { input: RoutesInput; context: RoutesContext; events: RoutesEvent },
  actors: {
    ownRoute: ownRouteMachine,
    peerRoute: peerRouteMachine,
    /** Hints that the tailnet namespace's routes changed: `routeTable.changed`. */
    watchTable: notProvidedSource<RoutesEvent, undefined>("routes.watchTable"),
    /** The prefixes in the tailnet namespace's table 52. */
    readTable: notProvided<readonly string[], void>("routes.readTable"),
  },
  actions: {
    spawnOwn: enqueueActions(({ context, enqueue, self }) => {
      const { approval, headscale } = context;
      for (const { prefix, slot } of context.ownRows)
        enqueue.spawnChild("ownRoute", {
          id: slot,
          input: { prefix, slot, approval, headscale, parent: self },
        });
    }),
    keepStatus: assign({ status: (_, status: TailnetStatus) => status, hinted: true }),
    keepBound: assign({
      bound: (_, { bound }: { readonly bound: BoundNodes }) => bound,
      hinted: true,
    }),
    hint: assign({ hinted: true }),
    lookBegins: assign({ hinted: false }),
    keepTable: assign({
      failure: null,
      installed: (_, prefixes: readonly string[]) =>
        Object.fromEntries(prefixes.map((prefix) => [prefix, true as const])),
    }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    observeOwn: enqueueActions(({ context, enqueue }) => {
      const rows = context.ownRows.map((row) => {
        if (row.state === "failed") return row;
        const facts = ownRouteFacts(row.prefix, context);
        enqueue.sendTo(row.slot, { type: "ownRoute.observed", facts });
        return { ...row, takenBy: facts.takenBy };
      });
      enqueue.assign({ ownRows: rows });
    }),
    observePeers: enqueueActions(({ context, enqueue, self }) => {
      const seen = peerRoutes(context.own, context);
      const { gone, changed } = rowChanges(context.peers, seen, {
        hasNetmap: hasNetmap(context.status),
        bound: context.bound,
      });
      const peers: Record<string, PeerRow> = { ...context.peers };
      let { slots } = context;
      for (const prefix of gone) {
        const slot = peers[prefix]?.slot;
        if (slot !== undefined) enqueue.sendTo(childId("peer", slot), { type: "peerRoute.release" });
        delete peers[prefix];
      }
      for (const { prefix, facts } of changed) {
        const before = peers[prefix];
        // An actor moves its row itself; until then the row only learns the facts.
        if (before?.slot !== undefined)
          enqueue.sendTo(childId("peer", before.slot), { type: "peerRoute.observed", facts });
        peers[prefix] =
          before?.slot === undefined
            ? judgedRow(prefix, facts, before?.wasInstalled ?? false)
            : { ...before, facts };
      }
      for (const [prefix, row] of Object.entries(peers)) {
        if (row.slot !== undefined || isSettled(row)) continue;
        const slot = freeSlot(slots);
        if (slot === maxPeerActors) break;
        const { facts, wasInstalled } = row;
        peers[prefix] = { ...row, slot };
        slots = withSlot(slots, slot, prefix);
        const id = childId("peer", slot);
        enqueue.spawnChild("peerRoute", { id, input: { prefix, facts, wasInstalled, parent: self } });
      }
      enqueue.assign({ peers, slots, strangers: seen.strangers });
    }),
    moveOwn: assign({
      ownRows: ({ context }, moved: { readonly slot: string; readonly state: OwnRouteState }) =>
        context.ownRows.map((row) =>
          row.slot === moved.slot && row.state !== "failed" ? { ...row, state: moved.state } : row,
        ),
    }),
    movePeer: enqueueActions(
      (
        { context, enqueue },
        { prefix, state }: { readonly prefix: string; readonly state: PeerRouteState },
      ) => {
        const row = context.peers[prefix];
        if (row === undefined) return;
        const { slot, ...rest } = row;
        if (slot === undefined || !isSettled({ ...row, state })) {
          enqueue.assign({ peers: { ...context.peers, [prefix]: { ...row, state } } });
          return;
        }
        // Settled: from here on it is a row again, and once its actor has ended the slot serves another.
        enqueue.sendTo(childId("peer", slot), { type: "peerRoute.release" });
        enqueue.assign({
          peers: {
            ...context.peers,
            [prefix]: { ...rest, state, wasInstalled: rest.wasInstalled || state === "installed" },
          },
        });
      },
    ),
    judgeProof: enqueueActions(({ context, enqueue }) => {
      const unproven = context.ownRows.find(({ state }) => state !== "serving");
      const proven = unproven === undefined;
      if (proven === context.proven) return;
      enqueue.assign({ proven });
      enqueue.sendTo(
        context.health,
        unproven === undefined
          ? { type: "routes.proven" }
          : { type: "routes.unproven", reason: reasonOf(unproven) },
      );
    }),
    /** A child that ended or failed: a peer's slot is free and its row stays as it was, an own prefix failed. */
    dropChild: enqueueActions(({ context, enqueue }, actorId: string) => {
      enqueue.stopChild(actorId);
      enqueue.assign({
        ownRows: context.ownRows.map((row) =>
          row.slot === actorId ? { ...row, state: "failed" as const } : row,
        ),
      });
      const ended = slotOfChild("peer", actorId);
      const prefix = context.slots[ended];
      if (typeof prefix !== "string") return;
      enqueue.assign({ slots: withSlot(context.slots, ended, null) });
      const row = context.peers[prefix];
      if (row?.slot !== ended) return;
      const { slot: _, ...rest } = row;
      enqueue.assign({ peers: { ...context.peers, [prefix]: rest } });
    }),
  },
  guards: {
    hinted: ({ context }) => context.hinted,
    /** A prefix in the netmap is not in the table yet. */
    awaits: ({ context }) =>
      Object.values(context.peers).some(({ facts }) => facts.announced && !facts.installed),
  },
  delays: routesLimits,
});

function reasonOf({ prefix, state, takenBy }: OwnRow): string {
  return takenBy === "" ? `${prefix} is ${state}` : `${prefix} is ${state}: ${takenBy} serves it`;
}
