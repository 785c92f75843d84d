import { fromCallback, fromPromise } from "xstate";
import type { OwnerFeedEvent, OwnerLook } from "../../../machines/owner/owner-feed-machine.ts";
import type { TailscaledIdentity } from "../../../machines/tailnet/tailnet-events.ts";
import type { FoundTailscaled } from "../../../machines/tailscaled/tailscaled-machine.ts";
import type { OwnerFacts } from "../../domain/owner/owner-facts.ts";
import type { OwnerTerms } from "../../domain/owner/owner-terms.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import type { Owner } from "../../ports/owner.ts";
import type { Tailnet } from "../../ports/tailnet.ts";

/** Effects of the owner machine, and of the feed that it invokes. */
export function ownerActors(
  owner: Owner,
  tailnet: Pick<Tailnet, "findProcess" | "recheckLogin">,
  kernel: Pick<KernelState, "openNamespace">,
  reloadAllowlist: (signal: AbortSignal) => Promise<void>,
) {
  return {
    owner: {
      seek: fromPromise<FoundTailscaled, void>(async () => {
        const process = await owner.find();
        // From here on the tailnet port speaks of this process.
        await tailnet.findProcess();
        return { ...process, attended: await owner.attend(process) };
      }),
      enter: fromPromise<OwnerTerms | null, { readonly terms: OwnerTerms | null }>(
        async ({ input: { terms }, signal }) => {
          if (terms !== null) await owner.keepTerms(terms, signal);
          // Before routes are accepted: it may be another interface.
          await reloadAllowlist(signal);
          // tailscaled's interface stands on the node itself.
          await kernel.openNamespace("tailnet", `/proc/${process.pid}/ns/net`);
          return terms;
        },
      ),
      edit: fromPromise<Pick<OwnerFacts, "preferences" | "record">, { readonly prefixes: readonly string[] }>(
        ({ input, signal }) => owner.announce(input.prefixes, signal),
      ),
      recheck: fromPromise<void, void>(({ signal }) => tailnet.recheckLogin(signal)),
    },
    feed: {
      bus: fromCallback<OwnerFeedEvent, undefined>(({ sendBack }) =>
        owner.watch(
          () => sendBack({ type: "owner.changed" }),
          () => sendBack({ type: "owner.closed" }),
        ),
      ),
      look: fromPromise<OwnerLook, void>(async ({ signal }) => {
        const facts = await owner.look(signal);
        return { facts, process: await tailnet.findProcess() };
      }),
      find: fromPromise<TailscaledIdentity | undefined, void>(() => tailnet.findProcess()),
    },
  };
}
