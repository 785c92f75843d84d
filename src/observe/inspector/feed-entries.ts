import type { AnyActorRef, InspectedEventEvent } from "xstate";
import type { LiveMachine, LiveMachines } from "../machines/live-machine.ts";
import { nearestLimit } from "../machines/live-machine.ts";
import { machineOf } from "../machines/machine-of.ts";
import type { FeedActor, FeedMessage } from "./feed-messages.ts";

/** Event types and names longer than this are cut: some carry ids of children. */
const longestType = 160;

/** Where an event came from or went to, in terms of machines. */
interface Place {
  /** The machine; of an effect the one that runs it. */
  readonly ref: AnyActorRef;
  /** Name of the effect; empty for a machine. */
  readonly effect: string;
}

/** An event between actors that is told to people. */
export interface Delivery {
  readonly type: string;
  /** Undefined when it came from outside the actor system. */
  readonly source: Place | undefined;
  readonly target: Place;
}

/** Wall clock and monotonic clock, read at one moment. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** A machine as viewers see it. */
export function feedActor(
  machine: LiveMachine,
  edges: readonly number[],
  { wallMs, monotonicMs }: Moment,
): FeedActor {
  const limit = nearestLimit(machine, monotonicMs);
  return {
    key: machine.ref.sessionId,
    parent: machine.parent?.sessionId ?? null,
    machine: machine.kind.name,
    actor: machine.actor,
    subject: machine.subject,
    state: machine.error === undefined ? machine.state.name : "error",
    paths: machine.state.paths,
    since: Math.round(wallMs - (monotonicMs - machine.since)),
    limit: limit === null ? null : { ms: limit.limitMs, since: Math.round(wallMs - limit.heldMs) },
    edges,
    ...(machine.error !== undefined && { error: machine.error }),
  };
}

/** What was delivered to whom; undefined for what is told as a transition or is no news. */
export function deliveryOf(
  { event, actorRef, sourceRef }: InspectedEventEvent,
  machines: Pick<LiveMachines, "parentOf">,
): Delivery | undefined {
  const { type } = event;
  if (type === "xstate.init" || type === "xstate.stop") return undefined;
  const target = placeOf(actorRef as AnyActorRef, machines);
  // What a promise tells itself is XState's own business; its machine is told, too.
  if (target.effect !== "" && type.startsWith("xstate.")) return undefined;
  return {
    type,
    source: sourceRef === undefined ? undefined : placeOf(sourceRef as AnyActorRef, machines),
    target,
  };
}

/** An event between actors without its fields. */
export function feedMessage({ type, source, target }: Delivery, seq: number, at: number): FeedMessage {
  return {
    kind: "message",
    seq,
    at,
    type: type.length > longestType ? `${type.slice(0, longestType)}…` : type,
    source: source?.ref.sessionId ?? null,
    sourceMachine: source === undefined ? "" : machineName(source),
    target: target.ref.sessionId,
    targetMachine: machineName(target),
    effect: source?.effect || target.effect,
  };
}

/** Empty where nothing is known of the machine that runs an effect. */
function machineName({ ref }: Place): string {
  return machineOf(ref)?.id ?? "";
}

/** A machine itself; an effect is found at the machine that runs it. */
function placeOf(ref: AnyActorRef, { parentOf }: Pick<LiveMachines, "parentOf">): Place {
  if (machineOf(ref) !== undefined) return { ref, effect: "" };
  return { ref: parentOf(ref) ?? ref, effect: typeof ref.src === "string" ? ref.src : ref.id };
}
