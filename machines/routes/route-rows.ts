import { initialTransition } from "xstate";
import type { BoundNodes } from "../../src/domain/kubernetes/node-bindings.ts";
import { maxStrangers, type PeerRouteFacts, type PeerRoutes } from "../../src/domain/tailnet/route-facts.ts";
import { peerRouteMachine } from "../route/peer-route-machine.ts";
import type { OwnRouteState, PeerRouteState } from "../route/route-events.ts";

/** An own prefix and the actor that lives for it. */
export interface OwnRow {
  readonly prefix: string;
  readonly slot: string;
  /** `failed`: its actor ended. */
  readonly state: OwnRouteState | "failed";
  /** Host that serves the prefix in our place; empty when none. */
  readonly takenBy: string;
}

/** A peer's prefix; `slot` is that of its actor while it has one. */
export interface PeerRow {
  readonly state: PeerRouteState;
  readonly facts: PeerRouteFacts;
  readonly wasInstalled: boolean;
  readonly slot?: number;
}
export type PeerRows = Readonly<Record<string, PeerRow>>;

/** Nothing is to be done: the row needs no actor. What is refused takes none, or who announces much would leave none for others. */
export function isSettled({ state, facts }: PeerRow): boolean {
  return !facts.announced || state === "installed" || state === "unconfirmed" || state === "conflicting";
}

/** One line of the summary for metrics, logs and people. */
export interface RouteRow {
  readonly prefix: string;
  readonly kind: "own" | "peer";
  readonly state: OwnRow["state"] | PeerRouteState;
  /** Host that announces the prefix; empty for our own. */
  readonly host: string;
  /** Host whose announcement conflicts with this one; empty when none. */
  readonly culprit: string;
}

/** All prefixes, own ones first. */
export function routeRows(own: readonly OwnRow[], peers: PeerRows): readonly RouteRow[] {
  return [
    ...own.map(({ prefix, state, takenBy }) => ({
      prefix,
      kind: "own" as const,
      state,
      host: "",
      culprit: takenBy,
    })),
    ...Object.entries(peers).map(([prefix, { state, facts }]) => ({
      prefix,
      kind: "peer" as const,
      state,
      host: facts.hostName,
      culprit: facts.culprit,
    })),
  ];
}

/** What a look at the tailnet changes in the rows of peers. */
export interface RowChanges {
  /** Prefixes of peers that left the tailnet, and those in conflict that are announced no more: their rows go. */
  readonly gone: readonly string[];
  /** New rows, and rows whose facts changed. */
  readonly changed: readonly { readonly prefix: string; readonly facts: PeerRouteFacts }[];
}

/**
 * Compares rows with what is seen. A peer that is known and announces a prefix no more keeps its row, unless it was not its to announce;
 * without netmap all do. While the Nodes are not known (`bound` null) a peer has `maxStrangers` rows at most.
 */
export function rowChanges(
  rows: PeerRows,
  seen: PeerRoutes,
  { hasNetmap, bound }: { readonly hasNetmap: boolean; readonly bound: BoundNodes | null },
): RowChanges {
  const unannounced = Object.entries(rows).filter(([prefix]) => seen.facts[prefix] === undefined);
  const held = Map.groupBy(Object.values(seen.facts), ({ nodeId }) => nodeId);
  const fits = (nodeId: string, place: number) => (held.get(nodeId)?.length ?? 0) + place < maxStrangers;
  const isWanted = (prefix: string, { facts }: PeerRow, place: number) =>
    seen.known[facts.nodeId] !== undefined &&
    facts.culprit !== facts.hostName &&
    (bound === null ? fits(facts.nodeId, place) : bound[prefix] !== undefined);
  const byPeer = [...Map.groupBy(unannounced, ([, { facts }]) => facts.nodeId).values()];
  const placed = byPeer.flatMap((of) => of.map(([prefix, row], place) => ({ prefix, row, place })));
  const { gone = [], kept = [] } = Object.groupBy(placed, ({ prefix, row, place }) =>
    !hasNetmap || isWanted(prefix, row, place) ? "kept" : "gone",
  );
  const withdrawn = kept.map(({ prefix, row: { facts } }) => ({
    prefix,
    facts: { ...facts, announced: false, installed: false, published: true, culprit: "" },
  }));
  const announced = Object.entries(seen.facts).map(([prefix, facts]) => ({ prefix, facts }));
  return {
    gone: gone.map(({ prefix }) => prefix),
    changed: [...announced, ...withdrawn].filter(
      ({ prefix, facts }) => !sameFacts(rows[prefix]?.facts, facts),
    ),
  };
}

/** A peer's prefix without an actor: as the machine that its actor would run judges the facts. */
export function judgedRow(prefix: string, facts: PeerRouteFacts, wasInstalled: boolean): PeerRow {
  const [{ value, context }] = initialTransition(peerRouteMachine, { prefix, facts, wasInstalled });
  return { facts, state: stateOf(value), wasInstalled: context.wasInstalled };
}

function stateOf(value: unknown): PeerRouteState {
  return value === "expected" || value === "installed" || value === "unconfirmed" || value === "conflicting"
    ? value
    : "lost";
}

function sameFacts(a: PeerRouteFacts | undefined, b: PeerRouteFacts): boolean {
  return (
    a !== undefined &&
    a.announced === b.announced &&
    a.installed === b.installed &&
    a.nodeId === b.nodeId &&
    a.hostName === b.hostName &&
    a.published === b.published &&
    a.culprit === b.culprit
  );
}
