import type { ActorRef, AnyEventObject, InspectionEvent, Snapshot } from "xstate";
import type { News } from "../../../machines/support/news.ts";

type Machine = ActorRef<Snapshot<unknown>, AnyEventObject, News>;

/** Hears what the machines emit; `from` is the actor that did. Must be quick and must not throw. */
export type NewsListener = (news: News, from: Machine) => void;

/** For XState's `inspect`: attaches the listeners to each actor as it is made, because a parent does not hear what its children emit. */
export function hearNews(...listeners: readonly NewsListener[]): (inspected: InspectionEvent) => void {
  return (inspected) => {
    if (inspected.type !== "@xstate.actor") return;
    const actor = inspected.actorRef as Machine;
    // One subscription for all: each costs an actor a set of its own.
    actor.on("*", (news) => {
      for (const listener of listeners) listener(news, actor);
    });
  };
}
