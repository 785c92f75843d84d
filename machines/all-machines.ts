import type { AnyStateMachine } from "xstate";

/** Every machine of the daemon, by its id: what the coverage tests, the diagrams and the metrics go through. */
export const allMachines: readonly AnyStateMachine[] = [];
