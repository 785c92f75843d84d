import type { AnyActorRef, InspectionEvent } from "xstate";
import { boundedCopy } from "../inspector/bounded-copy.ts";
import type { LiveMachines } from "../machines/live-machine.ts";
import { machineOf } from "../machines/machine-of.ts";

/** Version of the protocol: that of the package @statelyai/inspect whose messages these are. */
const protocolVersion = "0.7.2";

const contextBounds = { values: 400, depth: 6, text: 200, elements: 20 };
const eventBounds = { values: 80, depth: 5, text: 160, elements: 10 };
/** Machines' definitions are our own code: only their size is a matter. */
const definitionBounds = { values: 20_000, depth: 30, text: 2000, elements: 200 };

type Redact = (line: string) => string;

/** A machine as a message that introduces it: "@xstate.actor". */
export function actorMessage(ref: AnyActorRef, machines: LiveMachines, redact: Redact): string {
  const config = machineOf(ref)?.config ?? { id: ref.id };
  return message(
    {
      type: "@xstate.actor",
      name: ref.id === ref.sessionId ? String(config.id ?? ref.id) : ref.id,
      sessionId: ref.sessionId,
      parentId: machines.parentOf(ref)?.sessionId,
      rootId: rootOf(ref, machines).sessionId,
      definition: JSON.stringify(boundedCopy(config, definitionBounds, redact)),
      snapshot: snapshotOf(ref.getSnapshot(), redact),
    },
    redact,
  );
}

/** An event on its way to a machine: "@xstate.event". */
export function eventMessage(
  inspected: Extract<InspectionEvent, { readonly type: "@xstate.event" }>,
  redact: Redact,
): string {
  return message(
    {
      type: "@xstate.event",
      event: boundedCopy(inspected.event, eventBounds, redact),
      sourceId: inspected.sourceRef?.sessionId,
      sessionId: inspected.actorRef.sessionId,
      rootId: inspected.rootId,
    },
    redact,
  );
}

/** A machine's state after an event: "@xstate.snapshot". */
export function snapshotMessage(
  ref: AnyActorRef,
  event: { readonly type: string },
  machines: LiveMachines,
  redact: Redact,
): string {
  return message(
    {
      type: "@xstate.snapshot",
      event: boundedCopy(event, eventBounds, redact),
      snapshot: snapshotOf(ref.getSnapshot(), redact),
      sessionId: ref.sessionId,
      rootId: rootOf(ref, machines).sessionId,
    },
    redact,
  );
}

function message(fields: Readonly<Record<string, unknown>>, redact: Redact): string {
  return redact(
    JSON.stringify({ ...fields, id: null, createdAt: String(Date.now()), _version: protocolVersion }),
  );
}

function snapshotOf(snapshot: unknown, redact: Redact): unknown {
  const { status, value, context, output } = (snapshot ?? {}) as Readonly<Record<string, unknown>>;
  return {
    status,
    value,
    context: boundedCopy(context, contextBounds, redact),
    output: boundedCopy(output, contextBounds, redact),
  };
}

function rootOf(ref: AnyActorRef, machines: LiveMachines): AnyActorRef {
  const parent = machines.parentOf(ref);
  return parent === undefined ? ref : rootOf(parent, machines);
}
