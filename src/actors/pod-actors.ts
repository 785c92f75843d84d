import { fromCallback, fromPromise } from "xstate";
import { linksMachine } from "../../machines/links/links-machine.ts";
import type { Detached } from "../../machines/pod/pod-events.ts";
import type { HintsChanged, Recovered } from "../../machines/pods/pods-events.ts";
import { hintsOf } from "../domain/addresses/address-hints.ts";
import type { AttachedLinks, AttachmentPlan, Mismatch } from "../domain/attachment/attachment.ts";
import type { AddressHints } from "../ports/address-hints.ts";
import type { PodNetwork } from "../ports/pod-network.ts";

/** The effects of the pod machine over the pods' part of the kernel. `nowMs` stamps the release of addresses. */
export function podActors(podNetwork: PodNetwork, nowMs: () => number) {
  return {
    attach: fromPromise<AttachedLinks, { plan: AttachmentPlan }>(({ input }) =>
      podNetwork.attach(input.plan),
    ),
    detach: fromPromise<Detached, { hostLink: string }>(async ({ input }) => ({
      lingers: await podNetwork.detach(input.hostLink),
      atMs: nowMs(),
    })),
    check: fromPromise<readonly Mismatch[], { plan: AttachmentPlan }>(({ input }) =>
      podNetwork.check(input.plan),
    ),
  };
}

/** How long changes of the address pools gather before they are written down, in ms. */
const gatherMs = 1_000;

/** The effects of the registry: what earlier daemons left, and hints for the next one. */
export function podsActors(podNetwork: PodNetwork, addressHints: AddressHints) {
  return {
    recover: fromPromise<Recovered, { routerAddresses: readonly string[] }>(async ({ input }) => {
      const hints = await addressHints.read();
      return { attachments: await podNetwork.recover(input.routerAddresses), hints };
    }),
    links: linksMachine.provide({
      actors: { removeLeaving: fromPromise<void, void>(() => podNetwork.removeLeaving()) },
    }),
    keepHints: fromCallback<HintsChanged, undefined>(({ receive }) => {
      let latest: HintsChanged | undefined;
      let timer: NodeJS.Timeout | undefined;
      const write = () => {
        timer = undefined;
        if (latest !== undefined) void addressHints.write(hintsOf(latest.pools));
        latest = undefined;
      };
      receive((event) => {
        latest = event;
        timer ??= setTimeout(write, gatherMs);
      });
      return () => {
        clearTimeout(timer);
        write();
      };
    }),
  };
}
