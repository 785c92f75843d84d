import type { ActorLogic, AnyActorRef, AnyEventObject, Snapshot } from "xstate";

const settled = { done: "test.done", failed: "test.failed" } as const;

/**
 * Stands for any actor of a machine: it does nothing and ignores what it is sent, until the test ends it; its machine has
 * heard of the end when `resolve` and `reject` return.
 */
export function settledAtOnce({
  started,
  stopped,
}: {
  readonly started?: (actor: AnyActorRef, input: unknown) => void;
  readonly stopped?: (actor: AnyActorRef) => void;
}) {
  const logic: ActorLogic<Snapshot<unknown>, AnyEventObject, unknown> = {
    getInitialSnapshot: ({ self }, input) => {
      started?.(self as AnyActorRef, input);
      return { status: "active", output: undefined, error: undefined };
    },
    transition: (snapshot, event, { self }) => {
      if (event.type === "xstate.stop") stopped?.(self as AnyActorRef);
      if (event.type === settled.done) return { status: "done", output: event["output"], error: undefined };
      if (event.type === settled.failed) return { status: "error", output: undefined, error: event["error"] };
      return snapshot;
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  };
  return {
    logic,
    resolve: (actor: AnyActorRef, output: unknown) => actor.send({ type: settled.done, output }),
    reject: (actor: AnyActorRef, error: unknown) => actor.send({ type: settled.failed, error }),
  };
}
