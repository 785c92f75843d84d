import { fromCallback, fromPromise } from "xstate";
import type { AllowlistEvent } from "../../machines/wire/allowlist-events.ts";
import { allowlistKeeperMachine } from "../../machines/wire/allowlist-keeper-machine.ts";
import { allowlistMachine } from "../../machines/wire/allowlist-machine.ts";
import { type ResolverEvent, wireResolverMachine } from "../../machines/wire/resolver-machine.ts";
import type { LaunchCommand, WireEvent } from "../../machines/wire/wire-machine.ts";
import type { ServedRoutes } from "../domain/believed-prefixes.ts";
import { type Failure, toFailure } from "../domain/failure.ts";
import { allowlistTableName } from "../domain/nft-allowlist-table.ts";
import type { NodeBinding } from "../domain/node-bindings.ts";
import type { AllowlistHost } from "../ports/allowlist.ts";
import type { TailscaledProcess } from "../ports/tailnet.ts";
import type { WireHost } from "../ports/wire.ts";

/** Effects of the wire machine. `failed` hears of every end of tailscaled, for the log. */
export function wireActors(host: WireHost, allowlist: AllowlistHost, failed: (failure: Failure) => void) {
  return {
    allowlistKeeper: allowlistKeeperMachine.provide({
      actors: { allowlist: allowlistMachine.provide({ actors: allowlistActors(allowlist) }) },
    }),
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

function allowlistActors(host: AllowlistHost) {
  return {
    watchList: fromCallback<AllowlistEvent, undefined>(({ sendBack }) =>
      host.watchList(() => sendBack({ type: "list.changed" })),
    ),
    readList: fromPromise<readonly NodeBinding[] | null, void>(() => host.readList()),
    followNetmap: fromCallback<AllowlistEvent, undefined>(({ sendBack }) =>
      host.followNetmap(
        (routes) => sendBack({ type: "netmap.hinted", routes }),
        () => sendBack({ type: "netmap.closed" }),
      ),
    ),
    readNetmap: fromPromise<ServedRoutes | null, void>(({ signal }) => host.readNetmap(signal)),
    watchTable: fromCallback<AllowlistEvent, undefined>(({ sendBack }) =>
      host.watchTable(
        (process) => sendBack({ type: "table.changed", failure: tableChanged(process) }),
        (error) => sendBack({ type: "table.unwatched", failure: toFailure(error) }),
      ),
    ),
    apply: fromPromise<readonly string[], { readonly believed: readonly string[] }>(
      async ({ input: { believed }, signal }) => {
        await host.apply(believed, signal);
        return believed;
      },
    ),
  };
}

function tableChanged(process: string): Failure {
  return { code: "TABLE_CHANGED", message: `${process} changed the table ${allowlistTableName}` };
}
