import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { initialRoutes, routesLimits as limits, routesSetup } from "./routes-setup.ts";

/**
 * Every prefix this node knows of: its own and those of its peers. Own prefixes and unsettled ones of peers are actors; settled
 * ones, which may be thousands, are rows.
 */
export const routesMachine = routesSetup.createMachine({
  id: "routes",
  context: ({ input }) => initialRoutes(input),
  entry: "spawnOwn",
  options: { maxIterations: 1_000 },
  initial: "resting",
  on: {
    "tailnet.changed": { actions: { type: "keepStatus", params: ({ event }) => event.status } },
    "routeTable.changed": { actions: "hint" },
    "nodes.bound": { actions: { type: "keepBound", params: ({ event }) => event } },
    "ownRoute.moved": { actions: [{ type: "moveOwn", params: ({ event }) => event }, "judgeProof"] },
    "peerRoute.moved": { actions: { type: "movePeer", params: ({ event }) => event } },
    "xstate.done.actor.*": {
      actions: [{ type: "dropChild", params: ({ event }) => event.actorId }, "judgeProof"],
    },
    "xstate.error.actor.*": {
      actions: [keepError, { type: "dropChild", params: ({ event }) => event.actorId }, "judgeProof"],
    },
  },
  invoke: {
    src: "watchTable",
    id: "watchTable",
    onError: { actions: keepError },
  },
  states: {
    resting: {
      meta: mayLast("nothing changed in the tailnet or in the table"),
      always: [
        { guard: "hinted", target: "debouncing" },
        { guard: "awaits", target: "awaiting" },
      ],
    },
    debouncing: {
      meta: stuckAfter(limits.settle, "waits for the end of a burst of changes"),
      after: { settle: "reading" },
    },
    reading: {
      meta: stuckAfter(limits.read, "the kernel does not list the routes of the tailnet namespace"),
      entry: "lookBegins",
      invoke: {
        src: "readTable",
        onDone: {
          target: "resting",
          actions: [{ type: "keepTable", params: ({ event }) => event.output }, "observeOwn", "observePeers"],
        },
        // The own routes do not depend on the table.
        onError: {
          target: "awaiting",
          actions: [keepError, "observeOwn"],
        },
      },
    },
    // tailscaled installs routes a moment after the netmap; a missed notification must not last for ever either.
    awaiting: {
      meta: stuckAfter(limits.again, "tailscaled has yet to install a peer's prefix"),
      always: { guard: "hinted", target: "debouncing" },
      after: { again: "reading" },
    },
  },
});
