import { type AnyStateMachine, type AnyStateNode, StateMachine } from "xstate";

/** A machine with the actors it may have: other machines below it, and effects by name. */
export interface ActorTree {
  /** The name under which its parent runs it; of the root, the machine's own. */
  readonly name: string;
  readonly machine: string;
  /** `state`: lives as long as a state of its parent; `spawned`: lives until its own end, possibly several at once. */
  readonly runs: "state" | "spawned";
  /** Work without states of its own: sources of events, calls of a port. */
  readonly effects: readonly string[];
  readonly children: readonly ActorTree[];
}

/** Reads who runs whom off the machines' own `setup`, so that the tree is the one that runs. */
export function actorTree(machine: AnyStateMachine): ActorTree {
  return treeOf(machine.id, machine, "spawned");
}

function treeOf(name: string, machine: AnyStateMachine, runs: ActorTree["runs"]): ActorTree {
  const actors = Object.entries(machine.implementations.actors as Readonly<Record<string, unknown>>);
  const machines = actors.flatMap(([key, logic]) =>
    logic instanceof StateMachine ? [[key, logic] as const] : [],
  );
  return {
    name,
    machine: machine.id,
    runs,
    effects: actors.filter(([, logic]) => !(logic instanceof StateMachine)).map(([key]) => key),
    children: machines.map(([key, logic]) => treeOf(key, logic, runsWhen(machine, key))),
  };
}

function runsWhen(machine: AnyStateMachine, actor: string): ActorTree["runs"] {
  return invokes(machine.root, actor) ? "state" : "spawned";
}

function invokes(node: AnyStateNode, actor: string): boolean {
  return (
    node.invoke.some(({ src }) => src === actor) ||
    Object.values(node.states).some((child) => invokes(child, actor))
  );
}
