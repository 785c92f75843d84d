import type { AnyStateMachine } from "xstate";
import { cniMachine } from "./cni/cni-machine.ts";
import { configMachine } from "./config/config-machine.ts";
import { guardMachine } from "./guard/guard-machine.ts";
import { podMachine } from "./pod/pod-machine.ts";
import { podsMachine } from "./pods/pods-machine.ts";
import { requestMachine } from "./request/request-machine.ts";

/** Every machine of the daemon, by its id: what the coverage tests, the diagrams and the metrics go through. */
export const allMachines: readonly AnyStateMachine[] = [
  configMachine,
  guardMachine,
  podsMachine,
  podMachine,
  cniMachine,
  requestMachine,
];
