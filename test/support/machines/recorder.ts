import { type ActorRefFrom, createActor, type EventObject, fromCallback } from "xstate";

/** A started actor that remembers what it is sent: give its `ref` as `parent` or `replyTo`. */
export function recorder<Event extends EventObject>() {
  const events: Event[] = [];
  const logic = fromCallback<Event>(({ receive }) => {
    receive((event) => events.push(event));
  });
  const ref: ActorRefFrom<typeof logic> = createActor(logic).start();
  return { ref, events, types: () => events.map((event) => event.type) };
}
