import { assign, enqueueActions, sendTo, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { NodeLedger } from "../../src/domain/kubernetes/node-ledger.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { approvalsMachine } from "./approvals-machine.ts";
import type { ControllerEvent } from "./controller-events.ts";
import { electionMachine } from "./election-machine.ts";
import { joinKeyMachine } from "./join-key-machine.ts";
import { nodeLedgerMachine } from "./node-ledger-machine.ts";

export interface ControllerInput {
  /** Who this process is among the controllers. */
  readonly self: string;
  /** Of pods; canonical. */
  readonly supernets: readonly string[];
  /** With HeadCNI's own tailscaleds: the controller makes their key and deletes those that departed. */
  readonly ownsMachines: boolean;
}

interface ControllerContext extends ControllerInput {
  readonly ledger: NodeLedger | null;
  readonly failure: Failure | null;
}

const limits = { stopping: 6_000 };

/** headcni-controller: one of several leads, and approves the routes of the cluster's Nodes. Its parts are restarted by the end of the process. */
export const controllerMachine = setup({
  types: {} as MachineTypes & {
    input: ControllerInput;
    context: ControllerContext;
    events: ControllerEvent;
    output: { readonly failure: Failure | null };
    children: {
      election: "election";
      nodeLedger: "nodeLedger";
      approvals: "approvals";
      joinKey: "joinKey";
    };
  },
  actors: {
    election: electionMachine,
    nodeLedger: nodeLedgerMachine,
    approvals: approvalsMachine,
    joinKey: joinKeyMachine,
  },
  actions: {
    keepLedger: assign({ ledger: (_, ledger: NodeLedger) => ledger }),
    tellLedger: enqueueActions(({ context: { ledger }, enqueue }) => {
      if (ledger !== null) enqueue.sendTo("approvals", { type: "ledger.changed", ledger });
    }),
    resign: sendTo("election", { type: "election.resign" }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
  },
  delays: limits,
}).createMachine({
  id: "controller",
  context: ({ input }) => ({ ...input, ledger: null, failure: null }),
  output: ({ context: { failure } }) => ({ failure }),
  options: { maxIterations: 1_000 },
  initial: "working",
  states: {
    working: {
      invoke: [
        {
          id: "election",
          src: "election",
          input: ({ context: { self: name }, self }) => ({ self: name, parent: self }),
          onDone: "stopped",
          onError: { target: "failed", actions: keepError },
        },
        {
          id: "nodeLedger",
          src: "nodeLedger",
          input: ({ context: { self: seed }, self }) => ({ seed, parent: self }),
          onError: { target: "failed", actions: keepError },
        },
      ],
      on: {
        "ledger.changed": { actions: [{ type: "keepLedger", params: ({ event }) => event.ledger }] },
        "controller.stop": ".stopping",
      },
      initial: "following",
      states: {
        following: {
          meta: mayLast("another controller leads, or none yet"),
          on: { "leadership.gained": "leading", "leadership.lost": {}, "keys.known": {} },
        },
        leading: {
          meta: mayLast("this controller leads"),
          invoke: [
            {
              id: "approvals",
              src: "approvals",
              input: ({ context: { self: seed, supernets, ownsMachines, ledger } }) => ({
                ...{ seed, supernets, ownsMachines, ledger },
              }),
              onError: { target: "#controller.failed", actions: keepError },
            },
            {
              id: "joinKey",
              src: "joinKey",
              input: ({ context: { self: seed, ownsMachines }, self }) => ({
                ...{ seed, wanted: ownsMachines, parent: self },
              }),
              onError: { target: "#controller.failed", actions: keepError },
            },
          ],
          on: {
            "leadership.lost": "following",
            "ledger.changed": {
              actions: [{ type: "keepLedger", params: ({ event }) => event.ledger }, "tellLedger"],
            },
            "keys.known": { actions: sendTo("approvals", ({ event }) => event) },
          },
        },
        stopping: {
          entry: "resign",
          meta: stuckAfter(limits.stopping, "the Lease is not given back", "info"),
          on: { "leadership.lost": {}, "controller.stop": {}, "keys.known": {} },
          after: { stopping: "#controller.stopped" },
        },
      },
    },
    stopped: { type: "final" },
    failed: { type: "final" },
  },
});
