import { type EventObject, fromCallback, fromPromise } from "xstate";
import type { PodEffectEvent } from "../../machines/pod/pod-events.ts";
import type { HintsChanged, Recovered } from "../../machines/pods/pods-events.ts";
import { hintsOf } from "../domain/address-hints.ts";
import type { AttachmentPlan, Mismatch } from "../domain/attachment.ts";
import { toFailure } from "../domain/failure.ts";
import type { AddressHints } from "../ports/address-hints.ts";
import type { PodNetwork } from "../ports/pod-network.ts";

/** The effects of the pod machine over the pods' part of the kernel. `nowMs` stamps the release of addresses. */
export function podActors(podNetwork: PodNetwork, nowMs: () => number) {
  return {
    attach: fromCallback<{ type: "attach.cancel" }, { plan: AttachmentPlan }>(
      ({ input, sendBack, receive }) => {
        const cancelled = new AbortController();
        receive(() => cancelled.abort());
        let ended = false;
        const tell = (event: PodEffectEvent) => {
          ended = true;
          sendBack(event);
        };
        podNetwork.attach(input.plan, cancelled.signal).then(
          () => tell({ type: "attach.done" }),
          (error: unknown) => tell({ type: "attach.failed", failure: toFailure(error) }),
        );
        // Aborting makes an error with a stack: not for every ADD that went well.
        return () => {
          if (!ended) cancelled.abort();
        };
      },
    ),
    detach: fromCallback<EventObject, { hostLink: string }>(({ input, sendBack }) => {
      const tell = (event: PodEffectEvent) => sendBack(event);
      // The port may call back before its promise resolves; the machine wants `unrouted` first.
      const unrouted = Promise.withResolvers<void>();
      podNetwork
        .detach(input.hostLink, () => {
          unrouted.promise.then(() => tell({ type: "detach.released", atMs: nowMs() }));
        })
        .then(
          () => {
            tell({ type: "detach.unrouted" });
            unrouted.resolve();
          },
          (error: unknown) => tell({ type: "detach.failed", failure: toFailure(error) }),
        );
    }),
    check: fromPromise<readonly Mismatch[], { plan: AttachmentPlan }>(({ input, signal }) =>
      podNetwork.check(input.plan, signal),
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
