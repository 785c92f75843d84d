import type {
  ObjectChange,
  Watched,
  WatchNews,
  WatchSource,
} from "../../domain/kubernetes/kubernetes-watch.ts";
import type { WatchLine } from "./watch-events.ts";

/** Turns the lines of one piece of a watch into news: the initial objects as one list, later ones as changes. */
export type NewsGatherer = (lines: readonly WatchLine[]) => readonly WatchNews[];

/** `trimmed` gives undefined for an object to leave out. `beginsWithList`: until the bookmark that ends the list. */
export function createNewsGatherer(
  source: WatchSource,
  beginsWithList: boolean,
  trimmed: (object: unknown) => Watched[WatchSource] | undefined,
): NewsGatherer {
  /** By UID: an object may change while the list is sent. Undefined once the list is complete. */
  let listed: Map<string, Watched[WatchSource]> | undefined = beginsWithList ? new Map() : undefined;

  function gatherList(list: Map<string, Watched[WatchSource]>, line: WatchLine): WatchNews | undefined {
    if (line.kind === "bookmark") {
      if (!line.endsList) return undefined;
      listed = undefined;
      return { type: "watch.listed", source, items: [...list.values()], cursor: line.version } as WatchNews;
    }
    const item = line.kind === "put" ? trimmed(line.object) : undefined;
    if (item === undefined) list.delete(line.uid);
    else list.set(line.uid, item);
    return undefined;
  }

  return (lines) => {
    const news: WatchNews[] = [];
    const changes: ObjectChange<Watched[WatchSource]>[] = [];
    let cursor: string | undefined;
    for (const line of lines) {
      if (listed !== undefined) {
        const list = gatherList(listed, line);
        if (list !== undefined) news.push(list);
        continue;
      }
      cursor = line.version;
      const item = line.kind === "bookmark" ? undefined : trimmed(line.object);
      if (item !== undefined && line.kind !== "bookmark") changes.push({ kind: line.kind, item });
    }
    if (cursor !== undefined) news.push({ type: "watch.changed", source, changes, cursor } as WatchNews);
    return news;
  };
}
