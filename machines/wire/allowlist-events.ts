import type { Failure } from "../../src/domain/failure.ts";
import type { Believed, ServedRoutes } from "../../src/domain/tailnet/believed-prefixes.ts";
import type { Recipient } from "../support/recipient.ts";

/** What headcni-wire hears, once: nothing crosses the tailnet namespace any more that is not believed. */
export type AllowlistReport = { readonly type: "allowlist.inForce" };

export interface AllowlistInput {
  readonly seed: string;
  /** What an earlier keeper left in force, until list and netmap are read. */
  readonly believed: Believed;
  readonly parent: Recipient<AllowlistReport>;
}

export type AllowlistEvent =
  /** From the watch of the list: it may be another. */
  | { readonly type: "list.changed" }
  /** From tailscaled's bus: the netmap changed; `routes` of the nodes that changed, where it says all by itself. */
  | { readonly type: "netmap.hinted"; readonly routes: ServedRoutes | "unknown" }
  /** From the bus: it ended, or never began. */
  | { readonly type: "netmap.closed" }
  /** From the watch of the table: somebody else changed it; the failure names who. */
  | { readonly type: "table.changed"; readonly failure: Failure }
  /** From the same: it watches no more. */
  | { readonly type: "table.unwatched"; readonly failure: Failure };
