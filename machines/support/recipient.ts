import type { ActorRef, EventObject, Snapshot } from "xstate";

/** An actor that takes these events: what a message's `replyTo` and an input's `parent` are. */
export type Recipient<Event extends EventObject> = ActorRef<Snapshot<unknown>, Event>;
