import type { Watched, WatchNews, WatchSource } from "../../domain/kubernetes/kubernetes-watch.ts";
import { type ApiTransport, brokenStream } from "./api-transport.ts";
import { createNewsGatherer } from "./gather-news.ts";
import { KubernetesRequestError } from "./kubernetes-error.ts";
import { createLineDecoder } from "./line-decoder.ts";
import { listPages } from "./list-pages.ts";
import { trim } from "./trim-objects.ts";
import { readWatchLine } from "./watch-events.ts";

/** Where a source's objects are, and which of them. */
export interface WatchTarget {
  readonly path: string;
  /** Field and label selectors. */
  readonly query: Readonly<Record<string, string>>;
}

export interface FollowOptions {
  readonly transport: ApiTransport;
  readonly targets: Readonly<Record<WatchSource, WatchTarget>>;
  /** An object that is not what the API promises was left out. */
  readonly rejected: (source: WatchSource) => void;
  /** In [0, 1): spreads the ends of watches. */
  readonly random: () => number;
}

/** The server ends a watch between these, as for client-go's reflectors (tools/cache minWatchTimeout). */
const shortestWatchSeconds = 300;
/** Bookmarks come about every minute (apiserver cacher defaultBookmarkFrequency): two missed ones, and the server hangs. */
const longestSilenceMs = 150_000;

/** See `Kubernetes.follow` in src/ports/kubernetes.ts. */
export function createFollower({ transport, targets, rejected, random }: FollowOptions) {
  /** Learned once: this server does not send a list as the beginning of a watch. */
  let listsInPages = false;

  function trimmed(source: WatchSource, object: unknown): Watched[WatchSource] | undefined {
    const item = trim[source](object);
    if (item === undefined) rejected(source);
    return item;
  }

  /** Opens a watch from `cursor`, or one that begins with all objects, and hears it to its orderly end. */
  async function watch(
    source: WatchSource,
    cursor: string,
    hear: (news: WatchNews) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { path, query } = targets[source];
    const seconds = Math.round(shortestWatchSeconds * (1 + random()));
    const from =
      cursor === ""
        ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
        : { resourceVersion: cursor };
    const call = {
      method: "GET",
      path,
      query: {
        ...query,
        ...from,
        watch: "true",
        allowWatchBookmarks: "true",
        timeoutSeconds: String(seconds),
      },
    } as const;
    const stream = await transport.stream(call, longestSilenceMs, signal);
    hear({ type: "watch.opened", source });
    const lines = createLineDecoder();
    const gather = createNewsGatherer(source, cursor === "", (object) => trimmed(source, object));
    let last = cursor;
    try {
      for await (const chunk of stream) {
        for (const news of gather(lines.push(chunk).map(readWatchLine))) {
          if ("cursor" in news) last = laterOf(last, news.cursor);
          hear(news);
        }
      }
    } catch (error) {
      throw error instanceof KubernetesRequestError ? error : brokenStream(error);
    }
  }

  async function list(source: WatchSource, hear: (news: WatchNews) => void, signal: AbortSignal) {
    const items: Watched[WatchSource][] = [];
    const take = (object: unknown) => {
      const item = trimmed(source, object);
      if (item !== undefined) items.push(item);
    };
    const cursor = await listPages(transport, targets[source], take, signal);
    hear({ type: "watch.listed", source, items, cursor } as WatchNews);
    return cursor;
  }

  return async function follow(
    source: WatchSource,
    cursor: string,
    hear: (news: WatchNews) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (cursor !== "") return watch(source, cursor, hear, signal);
    if (!listsInPages) {
      try {
        return await watch(source, "", hear, signal);
      } catch (error) {
        if (!refusesWatchList(error)) throw error;
        listsInPages = true;
      }
    }
    return watch(source, await list(source, hear, signal), hear, signal);
  };
}

/** Before Kubernetes 1.34, and with the feature gate WatchList off: 422 "sendInitialEvents is forbidden". */
function refusesWatchList(error: unknown): boolean {
  if (!(error instanceof KubernetesRequestError)) return false;
  const { detail } = error;
  return detail.code === "REJECTED" && (detail.status === 400 || detail.status === 422);
}

/**
 * resourceVersions only grow, and compare as numbers (KEP-5504). One that went back means that etcd was restored from a
 * backup: from a cursor of before, changes would be missed until the numbers are as high again.
 */
function laterOf(last: string, next: string): string {
  if (!/^\d+$/.test(last) || !/^\d+$/.test(next) || BigInt(next) >= BigInt(last)) return next;
  const text = `resourceVersion ${next} came after ${last}`;
  throw new KubernetesRequestError(`the API server went back in time: ${text}`, { code: "EXPIRED", text });
}
