import { Actor, type AnyActorRef, type AnyStateMachine, StateMachine } from "xstate";

/** The machine that an actor runs; undefined for one that runs something else. */
export function machineOf(ref: AnyActorRef): AnyStateMachine | undefined {
  return ref instanceof Actor && ref.logic instanceof StateMachine ? ref.logic : undefined;
}
