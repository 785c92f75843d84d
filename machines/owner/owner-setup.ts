import { assign, enqueueActions, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { OwnerFacts } from "../../src/domain/owner/owner-facts.ts";
import { editToAnnounce } from "../../src/domain/owner/owner-preferences.ts";
import {
  isElsewhere,
  type OwnerHindrance,
  type OwnerRequirements,
  ownerHindrance,
  ownerProblems,
} from "../../src/domain/owner/owner-problem.ts";
import type { OwnerTerms } from "../../src/domain/owner/owner-terms.ts";
import { noTailnet } from "../../src/domain/tailnet/tailnet-phase.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { tailnetMachine } from "../tailnet/tailnet-machine.ts";
import type { FoundTailscaled } from "../tailscaled/tailscaled-machine.ts";
import type { OwnerEvent, OwnerInput, OwnerJudged, OwnerRead, OwnerUnread } from "./owner-events.ts";
import { ownerFeedMachine } from "./owner-feed-machine.ts";

interface OwnerContext extends OwnerInput {
  readonly found: FoundTailscaled;
  /** Why nobody was found at the last look; empty once somebody was. */
  readonly missed: string;
  /** Of this tailscaled; null before the first look at it. */
  readonly facts: OwnerFacts | null;
  /** Why it cannot be looked at, in words; empty while it can. */
  readonly unread: string;
  /** What the guard was given last, as JSON: empty before. */
  readonly offered: string;
  /** The guard holds with that. */
  readonly held: boolean;
  /** Headscale was asked what it serves since the last edit. */
  readonly asked: boolean;
  /** What `health` was told is wrong while pods are carried. */
  readonly judged: string;
  /** Ends of a session in a row that never knew where it stands. */
  readonly failures: number;
  readonly failure: Failure | null;
}

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const ownerLimits = {
  away: 60_000,
  seek: 5000,
  pause: 200,
  look: 12_000,
  owner: 60_000,
  settle: 60_000,
  interface: 60_000,
  enter: 5000,
  guard: 5000,
  edit: 12_000,
  ask: 12_000,
  rest: 1000,
  again: 5000,
};
/** Between two lives of a tailscaled that does not stay up. */
export const ownerRestart = { firstMs: 100, maxMs: 30_000 };

/** Vocabulary of the owner machine: what its chart in owner-machine.ts is written with. */
export const ownerSetup = setup({
  types: {} as MachineTypes & {
    input: OwnerInput;
    context: OwnerContext;
    events: OwnerEvent;
    children: { tailnet: "tailnet" };
  },
  actors: {
    /** One look for who answers on the socket; fails with the reason why nobody does. */
    seek: notProvided<FoundTailscaled, void>("owner.seek"),
    feed: ownerFeedMachine,
    /** Puts down what the guard must know, for it and for the next boot, and gives it back. */
    enter: notProvided<OwnerTerms | null, { readonly terms: OwnerTerms | null }>("owner.enter"),
    /** Adds these prefixes to the owner's preferences; gives what they are then. */
    edit: notProvided<Pick<OwnerFacts, "preferences" | "record">, { readonly prefixes: readonly string[] }>(
      "owner.edit",
    ),
    /** Has tailscaled ask Headscale anew. */
    recheck: notProvided<void, void>("owner.recheck"),
    tailnet: tailnetMachine,
  },
  actions: {
    takeFound: assign((_, found: FoundTailscaled) => ({ found, missed: "", failure: null })),
    noteMissed: enqueueActions(({ context, enqueue }, failure: Failure) => {
      enqueue.assign({ failure, missed: failure.message });
      enqueue.sendTo(context.health, { type: "tailscale.down", reason: failure.message });
    }),
    keepFacts: assign((_, facts: OwnerFacts) => ({ facts, unread: "" })),
    keepUnread: assign((_, { reason }: OwnerUnread) => ({
      unread: `the node's tailscaled cannot be read: ${reason}`,
    })),
    /** Another tailscaled, or this one after a restart, is another matter. */
    forgetFacts: assign({ facts: null, unread: "" }),
    reportUnread: enqueueActions(({ context: { health, unread }, enqueue }) => {
      enqueue.sendTo(health, { type: "tailscale.down", reason: unread });
    }),
    reportHindrance: enqueueActions(({ context, enqueue }) => {
      const reason = hindranceOf(context)?.words;
      if (reason !== undefined) enqueue.sendTo(context.health, { type: "tailscale.down", reason });
    }),
    reportProblems: enqueueActions(({ context, enqueue }) => {
      const words = context.facts === null ? "" : wordsOf(context, context.facts);
      if (words === context.judged) return;
      enqueue.assign({ judged: words });
      enqueue.sendTo(context.health, { type: "owner.judged", words } satisfies OwnerJudged);
    }),
    /** However the session ended: nothing that it told holds any more, and no login is under way. */
    reportEnded: enqueueActions(({ context, enqueue }) => {
      const { health, routes } = context;
      enqueue.sendTo(health, { type: "tailscale.loginEnded" });
      if (hindranceOf(context) === undefined)
        enqueue.sendTo(health, { type: "tailscale.down", reason: "EXITED" });
      enqueue.sendTo(routes, { type: "tailnet.changed", status: noTailnet });
    }),
    /** There is no namespace to wait for: it holds by what is remembered of the node's tailscaled. */
    releaseGuard: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.guard, { type: "tailnetNamespace.closed" });
    }),
    noteOffered: assign((_, terms: OwnerTerms | null) => ({ offered: jsonOf(terms), held: false })),
    offerTerms: enqueueActions(({ context, enqueue, self }) => {
      enqueue.sendTo(context.guard, { type: "tailnetNamespace.opened", replyTo: self });
    }),
    noteHeld: assign({ held: true }),
    noteEdited: assign(({ context }, edited: Pick<OwnerFacts, "preferences" | "record">) => ({
      facts: context.facts && { ...context.facts, ...edited },
    })),
    noteUnasked: assign({ asked: false }),
    noteAsked: assign({ asked: true, failure: null }),
    offerCredentials: sendTo("tailnet", { type: "credentials.replaced" }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0, failure: null }),
  },
  guards: {
    isNews: ({ context }, failure: Failure) => failure.message !== context.missed,
    isSettled: (_, { settled }: OwnerRead) => settled,
    isUnread: ({ context }) => context.unread !== "",
    isKnown: ({ context }) => context.facts !== null,
    isHindered: ({ context }) => hindranceOf(context) !== undefined,
    isHinderedBy: ({ context }, code: OwnerHindrance) => hindranceOf(context)?.code === code,
    hasTerms: ({ context }) => termsOf(context) !== null,
    // A state's own transition comes before that of `attending`, which a hindrance ends.
    termsDiffer: ({ context }) => hindranceOf(context) === undefined && areNews(context),
    /** As `termsDiffer`, of one that carries no pods: the guard stands around it all the same. */
    hidesTerms: ({ context }) => areNews(context),
    isUnguardedAtBoot: (_, { code }: Failure) => code === "NO_BOOT_UNIT",
    isAsked: ({ context }) => context.asked,
    isHeld: ({ context }) => context.held,
    wantsEdit: ({ context, context: { facts, wanted } }) =>
      facts !== null &&
      hindranceOf(context) === undefined &&
      facts.profileId !== "" &&
      editToAnnounce(facts.preferences, facts.record, wanted.advertiseRoutes)?.edit !== undefined,
  },
  delays: {
    ...ownerLimits,
    restart: ({ context }) => backoffDelay(context.failures - 1, ownerRestart, context.wanted.hostname),
  },
});

function requirementsOf({ wanted, mtu, authKeyFrom }: OwnerInput): OwnerRequirements {
  const { controlUrl, advertiseRoutes } = wanted;
  return { controlUrl, prefixes: advertiseRoutes, mtu, logsIn: authKeyFrom !== "owner" };
}

function hindranceOf(context: OwnerContext) {
  return context.facts === null ? undefined : ownerHindrance(context.facts, requirementsOf(context));
}

/** What hinders is told with the tailnet, which is down then. */
function wordsOf(context: OwnerContext, facts: OwnerFacts): string {
  const problems = hindranceOf(context) === undefined ? ownerProblems(facts, requirementsOf(context)) : [];
  return [context.unread, ...problems.map(({ words }) => words)].filter((words) => words !== "").join("; ");
}

/** What the guard must know; null while there is nothing. */
export function termsOf(context: Pick<OwnerContext, "facts" | "wanted">): OwnerTerms | null {
  const { facts, wanted } = context;
  if (facts === null || facts.terms === null) return null;
  return { ...facts.terms, elsewhere: isElsewhere(facts, wanted) };
}

function areNews(context: OwnerContext): boolean {
  const terms = termsOf(context);
  return terms !== null && jsonOf(terms) !== context.offered;
}

function jsonOf(terms: OwnerTerms | null): string {
  return terms === null ? "" : JSON.stringify(terms);
}
