import type { ActorRef, EventObject, Snapshot } from "xstate";

/** An actor that takes these events, whatever it emits: what a message's `replyTo` and an input's `parent` are. */
// biome-ignore lint/suspicious/noExplicitAny: XState's own AnyActorRef says the same; no narrower type fits every actor.
export type Recipient<Event extends EventObject> = ActorRef<Snapshot<unknown>, Event, any>;
