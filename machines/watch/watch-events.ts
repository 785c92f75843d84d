import type { Failure } from "../../src/domain/failure.ts";
import type { WatchNews, WatchSource } from "../../src/domain/kubernetes/kubernetes-watch.ts";
import type { Recipient } from "../support/recipient.ts";

/** A source, and a parent that takes what is told of it. */
export type WatchInput = {
  [Source in WatchSource]: {
    readonly source: Source;
    /** Spreads the waits of nodes: the node's name. */
    readonly seed: string;
    readonly parent: Recipient<WatchReport<Source>>;
  };
}[WatchSource];

/** What the effect `follow` tells (src/actors/kubernetes/watch-actors.ts). */
export type WatchEvent =
  | WatchNews
  /** In an orderly way, as the server does every few minutes. */
  | { readonly type: "watch.ended" }
  | {
      readonly type: "watch.failed";
      readonly failure: Failure;
      /** The server named a time to wait. */
      readonly retryAfterMs?: number;
    };

/** What the parent hears: lists and changes as they came, and whether they keep coming. */
export type WatchReport<Source extends WatchSource = WatchSource> =
  | WatchedChange<Source>
  /** What is known may be outdated from now on. */
  | { readonly type: "watch.lost"; readonly source: Source; readonly failure: Failure }
  /** After it was lost: what is known is current again, or is about to be. */
  | { readonly type: "watch.restored"; readonly source: Source };

export type WatchedChange<Source extends WatchSource = WatchSource> = Extract<
  WatchNews,
  { readonly type: "watch.listed" | "watch.changed"; readonly source: Source }
>;
