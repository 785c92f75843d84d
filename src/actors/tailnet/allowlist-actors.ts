import { fromCallback, fromPromise } from "xstate";
import type { AllowlistEvent } from "../../../machines/wire/allowlist-events.ts";
import { allowlistKeeperMachine } from "../../../machines/wire/allowlist-keeper-machine.ts";
import { allowlistMachine } from "../../../machines/wire/allowlist-machine.ts";
import { type Failure, toFailure } from "../../domain/failure.ts";
import type { NodeBinding } from "../../domain/kubernetes/node-bindings.ts";
import { allowlistTableName } from "../../domain/nftables/nft-allowlist-table.ts";
import type { Believed, Netmap } from "../../domain/tailnet/believed-prefixes.ts";
import type { AllowlistHost } from "../../ports/allowlist.ts";

/** The keeper of the allowlist, in headcni-wire or the daemon. */
export function allowlistKeeper(host: AllowlistHost) {
  return allowlistKeeperMachine.provide({
    actors: { allowlist: allowlistMachine.provide({ actors: allowlistActors(host) }) },
  });
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
    readNetmap: fromPromise<Netmap | null, void>(({ signal }) => host.readNetmap(signal)),
    watchTable: fromCallback<AllowlistEvent, undefined>(({ sendBack }) =>
      host.watchTable(
        (process) => sendBack({ type: "table.changed", failure: tableChanged(process) }),
        (error) => sendBack({ type: "table.unwatched", failure: toFailure(error) }),
      ),
    ),
    apply: fromPromise<Believed, { readonly believed: Believed }>(async ({ input: { believed }, signal }) => {
      await host.apply(believed, signal);
      return believed;
    }),
  };
}

function tableChanged(process: string): Failure {
  return { code: "TABLE_CHANGED", message: `${process} changed the table ${allowlistTableName}` };
}
