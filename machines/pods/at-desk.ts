import { enqueueActions } from "xstate";
import type { podMachine } from "../pod/pod-machine.ts";
import type { Recipient } from "../support/recipient.ts";
import { changedAttachments } from "./changed-attachments.ts";
import { type Desk, openDesk, storeDesk } from "./desk.ts";
import type { PodsContext } from "./pods-context.ts";
import type { PodsEvent } from "./pods-events.ts";

type Pod = { src: "pod"; logic: typeof podMachine; id: string | undefined };

/** An action of the registry: lets `decide` work at a desk, stores what it changed, then carries out what it asked for. */
export function atDesk<Params>(decide: (desk: Desk, params: Params, registry: Recipient<PodsEvent>) => void) {
  return enqueueActions<PodsContext, PodsEvent, Params, PodsEvent, Pod, never, never, never, never>(
    ({ context, enqueue, self }, params) => {
      const desk = openDesk(context);
      decide(desk, params, self);
      enqueue.assign(storeDesk(desk));
      for (const effect of desk.effects) {
        switch (effect.do) {
          case "answer":
            enqueue.sendTo(effect.to, effect.answer);
            break;
          case "tell":
            // A row's pod is always there: it is spawned with the row, and stopped where the row is closed.
            enqueue.sendTo(podId(effect.slot), effect.command);
            break;
          case "spawn":
            enqueue.spawnChild("pod", {
              id: podId(effect.slot),
              input: { plan: effect.plan, start: effect.start, registry: self },
            });
            break;
          case "report":
            enqueue.sendTo(context.parent, effect.report);
            break;
          default:
            effect satisfies never;
        }
      }
      // Events are handled as they are sent: what nobody waits for comes after the answers.
      if (desk.pools.some((pool, index) => pool !== context.pools[index]))
        enqueue.sendTo("hints", { type: "hints.changed", pools: desk.pools });
      const changed = changedAttachments(context.rows, desk.rows);
      if (changed !== undefined) enqueue.sendTo(context.parent, changed);
    },
  );
}

/** Id of the pod in a slot. Slots repeat, so that xstate's memory of done-event types stays bounded. */
function podId(slot: number): string {
  return `pod:${slot}`;
}

/** Slot of a pod by its id; -1 for an actor that is no pod. */
export function podSlot(actorId: string): number {
  return actorId.startsWith("pod:") ? Number(actorId.slice("pod:".length)) : -1;
}
