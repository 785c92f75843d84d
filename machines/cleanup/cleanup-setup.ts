import { assign, setup } from "xstate";
import { type CleanupEntry, type CleanupStep, leftOf } from "../../src/domain/cleanup-report.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";

interface CleanupInput {
  /** Not more than what needs a headcni-wire that runs; it runs on. */
  readonly onlyWithdraws: boolean;
  /** The node's own tailscaled carried the pods: its preferences are given back to its owner. */
  readonly owners: boolean;
}

export interface CleanupContext extends CleanupInput {
  /** What tailscaled no longer announces. */
  readonly prefixes: readonly string[];
  /** headcni-wire was ended. */
  readonly ended: boolean;
  readonly report: readonly CleanupEntry[];
}

/** How long each step may last, by its name. */
export const cleanupLimits = {
  plugin: { ms: 5000, means: "the conflist or the plugin cannot be removed" },
  node: { ms: 10_000, means: "the API server does not restore the Node's own addresses" },
  routes: { ms: 5000, means: "tailscaled does not stop announcing the routes" },
  owner: { ms: 5000, means: "what HeadCNI added to the node's tailscaled cannot be removed" },
  confirmation: { ms: 5000, means: "Headscale still lets this node serve its routes" },
  attachments: { ms: 20_000, means: "the kernel does not remove the pods' links" },
  tailnet: { ms: 15_000, means: "headcni-wire does not end" },
  restart: { ms: 3000, means: "headcni-wire may be restarted" },
  guard: { ms: 15_000, means: "the kernel does not remove rules, routes and tables" },
  records: { ms: 10_000, means: "the directories cannot be removed" },
} as const;

/** Vocabulary of the cleanup machine: what its chart in cleanup-machine.ts is written with. */
export const cleanupSetup = setup({
  types: {} as MachineTypes & {
    input: CleanupInput;
    context: CleanupContext;
    output: { readonly left: readonly CleanupEntry[] };
  },
  actors: {
    /** Removes conflist and plugin. Like each of the others, it succeeds where nothing is left to remove. */
    unpublish: notProvided<void, void>("cleanup.unpublish"),
    /** Gives the Node its own addresses back; false where there are none to give. */
    restore: notProvided<boolean, void>("cleanup.restore"),
    /**
     * Has tailscaled stop announcing this node's prefixes, which it returns; null: no tailscaled answers. Of an owner's it removes
     * all that is ours, and fails with what is left.
     */
    withdraw: notProvided<readonly string[] | null, void>("cleanup.withdraw"),
    /** Resolves once Headscale no longer makes this node serve them. */
    confirm: notProvided<void, { readonly prefixes: readonly string[] }>("cleanup.confirm"),
    /** Returns how many there were. */
    detach: notProvided<number, void>("cleanup.detach"),
    /** Ends headcni-wire and with it tailscaled; resolves once it is gone, false when there was none. */
    end: notProvided<boolean, void>("cleanup.end"),
    removeGuard: notProvided<void, void>("cleanup.removeGuard"),
    /** Removes the runtime and the state directory. */
    removeRecords: notProvided<void, void>("cleanup.removeRecords"),
  },
  actions: {
    keepPrefixes: assign({ prefixes: (_, prefixes: readonly string[]) => prefixes }),
    note: assign({ report: ({ context }, entry: CleanupEntry) => [...context.report, entry] }),
    noteEnded: assign({ ended: true }),
  },
  guards: {
    onlyWithdraws: ({ context }) => context.onlyWithdraws,
    isToldNobody: (_, prefixes: readonly string[] | null) => prefixes === null,
    isRestored: (_, restored: boolean) => restored,
    isEnded: (_, ended: boolean) => ended,
    isStartedAgain: ({ context }, ended: boolean) => ended && context.ended,
    /** Others' routes are accepted still: without our rules they would take the node's own traffic. */
    ownerKeeps: ({ context }) => leftOf(context.report).some(({ step }) => step === "owner"),
    leaves: ({ context }) => leftOf(context.report).length > 0,
  },
  delays: {
    plugin: cleanupLimits.plugin.ms,
    node: cleanupLimits.node.ms,
    routes: cleanupLimits.routes.ms,
    confirmation: cleanupLimits.confirmation.ms,
    attachments: cleanupLimits.attachments.ms,
    tailnet: cleanupLimits.tailnet.ms,
    restart: cleanupLimits.restart.ms,
    guard: cleanupLimits.guard.ms,
    records: cleanupLimits.records.ms,
  },
});

/** What the report says of a step that does not come to its end. */
export function lateStep(step: CleanupStep, code: "TIMED_OUT" | "STARTED_AGAIN" = "TIMED_OUT"): CleanupEntry {
  const message = code === "TIMED_OUT" ? cleanupLimits[step].means : "headcni-wire was ended and runs again";
  return { step, text: message, failure: { code, message } };
}
