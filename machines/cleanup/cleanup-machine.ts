import { type CleanupStep, failedStep, leftOf } from "../../src/domain/cleanup-report.ts";
import { type CleanupContext, cleanupSetup, lateStep, cleanupLimits as limits } from "./cleanup-setup.ts";

function note(step: CleanupStep, textOf: (context: CleanupContext) => string) {
  const params = ({ context }: { readonly context: CleanupContext }) => ({ step, text: textOf(context) });
  return { type: "note", params } as const;
}

interface Failing {
  readonly context: CleanupContext;
  readonly event: { readonly error: unknown };
}

function failed(name: CleanupStep, target: string) {
  return {
    target,
    actions: { type: "note", params: ({ event }: Failing) => failedStep(name, event.error) },
  } as const;
}

function late(name: CleanupStep, target: string) {
  return { target, actions: { type: "note", params: lateStep(name) } } as const;
}

function withdrawal({ owners }: CleanupContext): "owner" | "routes" {
  return owners ? "owner" : "routes";
}

const missed = "Headscale drops them when it misses the node";
const told = "the node's tailscaled has told Headscale";
// Whatever Headscale says or does not say, nothing of it stays on the node.
const unconfirmed = {
  target: "withdrawn",
  actions: note(
    "routes",
    ({ prefixes, owners }) => `withdrew ${prefixes.join(", ")}, not confirmed: ${owners ? told : missed}`,
  ),
} as const;
const guardRemoved = note("guard", () => "removed rules, routes and tables, and gave the sysctls back");

/**
 * Takes HeadCNI off a node. A step that fails is noted and does not keep the others from their work; done again, it takes what was
 * left. Ends `clean`, or `incomplete` with what is left; `paused` where somebody else has headcni-wire end, and cleans up then.
 */
export const cleanupMachine = cleanupSetup.createMachine({
  id: "cleanup",
  context: ({ input }) => ({ ...input, prefixes: [], ended: false, report: [] }),
  output: ({ context }) => ({ left: leftOf(context.report) }),
  options: { maxIterations: 1_000 },
  initial: "unpublishing",
  states: {
    // First, so that no new pod comes.
    unpublishing: {
      meta: { limit: limits.plugin },
      invoke: {
        src: "unpublish",
        onDone: {
          target: "restoring",
          actions: note("plugin", () => "removed the conflist and the plugin"),
        },
        onError: failed("plugin", "restoring"),
      },
      after: { plugin: late("plugin", "restoring") },
    },
    // While the tailnet stands: the API server may be reached by it alone.
    restoring: {
      meta: { limit: limits.node },
      invoke: {
        src: "restore",
        onDone: [
          {
            guard: { type: "isRestored", params: ({ event }) => event.output },
            target: "withdrawing",
            actions: note("node", () => "gave the Node its own addresses back"),
          },
          { target: "withdrawing" },
        ],
        onError: failed("node", "withdrawing"),
      },
      after: { node: late("node", "withdrawing") },
    },
    // While tailscaled still answers: peers then forget the routes at once.
    withdrawing: {
      meta: { limit: limits.routes },
      invoke: {
        src: "withdraw",
        onDone: [
          {
            guard: { type: "isToldNobody", params: ({ event }) => event.output },
            target: "withdrawn",
            actions: note("routes", () => `withdrew no route now, no tailscaled answers: ${missed}`),
          },
          {
            target: "confirming",
            actions: { type: "keepPrefixes", params: ({ event }) => event.output ?? [] },
          },
        ],
        onError: {
          target: "withdrawn",
          actions: {
            type: "note",
            params: ({ context, event }: Failing) => failedStep(withdrawal(context), event.error),
          },
        },
      },
      after: {
        routes: {
          target: "withdrawn",
          actions: { type: "note", params: ({ context }) => lateStep(withdrawal(context)) },
        },
      },
    },
    confirming: {
      meta: { limit: limits.confirmation },
      invoke: {
        src: "confirm",
        input: ({ context: { prefixes } }) => ({ prefixes }),
        onDone: {
          target: "withdrawn",
          actions: note(
            "routes",
            ({ prefixes }) => `withdrew the routes: ${prefixes.join(", ") || "there were none"}`,
          ),
        },
        onError: unconfirmed,
      },
      after: { confirmation: unconfirmed },
    },
    withdrawn: { always: [{ guard: "onlyWithdraws", target: "paused" }, { target: "detaching" }] },
    detaching: {
      meta: { limit: limits.attachments },
      invoke: {
        src: "detach",
        onDone: {
          target: "leaving",
          actions: {
            type: "note",
            params: ({ event }) => ({
              step: "attachments",
              text: `removed the attachments: ${event.output}`,
            }),
          },
        },
        onError: failed("attachments", "leaving"),
      },
      after: { attachments: late("attachments", "leaving") },
    },
    leaving: {
      meta: { limit: limits.tailnet },
      invoke: {
        src: "end",
        onDone: [
          {
            guard: { type: "isStartedAgain", params: ({ event }) => event.output },
            target: "left",
            actions: { type: "note", params: lateStep("tailnet", "STARTED_AGAIN") },
          },
          {
            guard: { type: "isEnded", params: ({ event }) => event.output },
            target: "awaitingRestart",
            actions: ["noteEnded", note("tailnet", () => "ended headcni-wire and tailscaled")],
          },
          { target: "left" },
        ],
        onError: failed("tailnet", "left"),
      },
      after: { tailnet: late("tailnet", "left") },
    },
    // A service manager that keeps headcni-wire running starts another, which makes all of it anew.
    awaitingRestart: {
      meta: { limit: limits.restart },
      after: { restart: "leaving" },
    },
    left: { always: [{ guard: "ownerKeeps", target: "incomplete" }, { target: "removingGuard" }] },
    removingGuard: {
      meta: { limit: limits.guard },
      invoke: {
        src: "removeGuard",
        onDone: [
          // What stands in the directories is what the next cleanup finds the rest by.
          { guard: "leaves", target: "incomplete", actions: guardRemoved },
          { target: "removingRecords", actions: guardRemoved },
        ],
        onError: failed("guard", "incomplete"),
      },
      after: { guard: late("guard", "incomplete") },
    },
    removingRecords: {
      meta: { limit: limits.records },
      invoke: {
        src: "removeRecords",
        onDone: { target: "clean", actions: note("records", () => "removed the directories") },
        onError: failed("records", "incomplete"),
      },
      after: { records: late("records", "incomplete") },
    },
    clean: { type: "final" },
    incomplete: { type: "final" },
    paused: { type: "final" },
  },
});
