import type { AnyActorRef, InspectedEventEvent } from "xstate";
import type { LiveMachine, LiveMachines } from "../machines/live-machine.ts";
import { nearestLimit } from "../machines/live-machine.ts";
import { machineOf } from "../machines/machine-of.ts";
import type { WireActor, WireMessage } from "./wire.ts";

/** Event types and names longer than this are cut: some carry ids of children. */
const longestType = 160;

/** Where an event came from or went to, in terms of machines. */
interface Place {
  readonly key: string;
  readonly machine: string;
  readonly effect: string;
}

/** Wall clock and monotonic clock, read at one moment. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** A machine as viewers see it. */
export function wireActor(
  machine: LiveMachine,
  edges: readonly number[],
  { wallMs, monotonicMs }: Moment,
): WireActor {
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

/** An event between actors without its fields; undefined for what is told as a move or is no news. */
export function wireMessage(
  { event, actorRef, sourceRef }: InspectedEventEvent,
  seq: number,
  at: number,
  machines: LiveMachines,
): WireMessage | undefined {
  if (event.type === "xstate.init" || event.type === "xstate.stop") return undefined;
  const target = placeOf(actorRef as AnyActorRef, machines);
  // What a promise tells itself is XState's own business; its machine is told, too.
  if (target.effect !== "" && event.type.startsWith("xstate.")) return undefined;
  const source = sourceRef === undefined ? undefined : placeOf(sourceRef as AnyActorRef, machines);
  return {
    kind: "message",
    seq,
    at,
    type: event.type.length > longestType ? `${event.type.slice(0, longestType)}…` : event.type,
    source: source?.key ?? null,
    sourceMachine: source?.machine ?? "",
    target: target.key,
    targetMachine: target.machine,
    effect: source?.effect || target.effect,
  };
}

/** A machine itself; an effect is found at the machine that runs it. */
function placeOf(ref: AnyActorRef, { parentOf }: LiveMachines): Place {
  const machine = machineOf(ref)?.id;
  if (machine !== undefined) return { key: ref.sessionId, machine, effect: "" };
  const owner = parentOf(ref);
  const effect = typeof ref.src === "string" ? ref.src : ref.id;
  if (owner === undefined) return { key: ref.sessionId, machine: "", effect };
  return { key: owner.sessionId, machine: machineOf(owner)?.id ?? "", effect };
}
