import { fromCallback, fromPromise } from "xstate";
import { type ResolverEvent, wireResolverMachine } from "../../../machines/wire/resolver-machine.ts";
import type { LaunchCommand, WireEvent } from "../../../machines/wire/wire-machine.ts";
import type { Failure } from "../../domain/failure.ts";
import type { AllowlistHost } from "../../ports/allowlist.ts";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import type { WireHost } from "../../ports/wire.ts";
import { allowlistKeeper } from "./allowlist-actors.ts";

/** Effects of the wire machine. `failed` hears of every end of tailscaled, for the log. */
export function wireActors(host: WireHost, allowlist: AllowlistHost, failed: (failure: Failure) => void) {
  return {
    allowlistKeeper: allowlistKeeper(allowlist),
    prepare: fromPromise<readonly string[], void>(() => host.prepare()),
    resolver: wireResolverMachine.provide({
      actors: {
        run: fromCallback<ResolverEvent, { readonly addresses: readonly string[] }>(({ input, sendBack }) =>
          host.resolve(input.addresses, (failure) => sendBack({ type: "resolver.ended", failure })),
        ),
      },
    }),
    publish: fromPromise<void, { readonly process: TailscaledProcess | null }>(({ input }) =>
      host.publish(input.process),
    ),
    retract: fromPromise<void, void>(() => host.retract()),
    tailscaled: fromCallback<LaunchCommand, undefined>(({ receive, sendBack }) => {
      const launched = host.launch({
        answers: (process) => sendBack({ type: "tailscaled.answered", process } satisfies WireEvent),
        ended: (failure) => {
          failed(failure);
          sendBack({ type: "tailscaled.ended", failure } satisfies WireEvent);
        },
      });
      receive(() => launched.end());
      return () => launched.end();
    }),
  };
}
