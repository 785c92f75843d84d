import { Actor, type AnyActorRef, type AnyStateMachine, StateMachine } from "xstate";

/** The machine that an actor runs; undefined for one that runs something else. */
export function machineOf(ref: AnyActorRef): AnyStateMachine | undefined {
  return ref instanceof Actor && ref.logic instanceof StateMachine ? ref.logic : undefined;
}

/** Who made an actor. XState has no public name for it. */
export function parentOf(ref: AnyActorRef): AnyActorRef | undefined {
  return ref instanceof Actor ? ref._parent : undefined;
}
