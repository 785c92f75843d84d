import type { ServerResponse } from "node:http";
import type { Feed } from "./feed.ts";

/** A viewer's connection, as far as it is used: an open HTTP response. */
export type ViewerConnection = Pick<ServerResponse, "write" | "on" | "writableLength" | "destroy">;

export interface Viewers {
  /**
   * Calls `accept`, then sends the baseline and every change. False, and nothing done, when there are as many viewers
   * as are allowed.
   */
  add(connection: ViewerConnection, accept?: () => void): boolean;
  count(): number;
  /** Lets go of all viewers. */
  close(): void;
}

export interface ViewerLimits {
  readonly viewers: number;
  /** Unsent bytes of one viewer beyond which it gets no more until it has read them all. */
  readonly unsentBytes: number;
  /** Pause between two frames. */
  readonly frameMs: number;
  readonly beatMs: number;
  /** A viewer that reads nothing for this long is let go of. */
  readonly patienceMs: number;
}

export const usualLimits: ViewerLimits = {
  viewers: 4,
  unsentBytes: 512 * 1024,
  frameMs: 40,
  beatMs: 5_000,
  patienceMs: 300_000,
};

interface Viewer {
  readonly connection: ViewerConnection;
  /** Number of the newest entry that it was sent. */
  sentSeq: number;
  /** Monotonic milliseconds since when it has been behind; null while it keeps up. */
  behindSince: number | null;
}

/**
 * Sends the feed's frames to its viewers. A frame is made once for all. Nobody waits for a slow viewer: what it has not
 * read is bounded, beyond that it gets nothing, and once it has read all it gets a fresh baseline and is told how many
 * entries it missed. `watched` hears how many there are, whenever that changes.
 */
export function createViewers(
  feed: Feed,
  limits: ViewerLimits = usualLimits,
  watched: (count: number) => void = () => undefined,
): Viewers {
  const viewers = new Set<Viewer>();
  let frameTimer: NodeJS.Timeout | undefined;
  let beatTimer: NodeJS.Timeout | undefined;

  function wake(): void {
    if (frameTimer !== undefined) return;
    frameTimer = setTimeout(sendFrame, limits.frameMs);
    frameTimer.unref();
  }

  function sendFrame(): void {
    frameTimer = undefined;
    const line = `data: ${feed.take()}\n\n`;
    for (const viewer of viewers) {
      if (viewer.behindSince !== null) continue;
      if (viewer.connection.writableLength > limits.unsentBytes) viewer.behindSince = performance.now();
      else send(viewer, line);
    }
    catchUp();
  }

  function catchUp(): void {
    for (const viewer of viewers) {
      if (viewer.behindSince === null) continue;
      if (viewer.connection.writableLength === 0) sendBaseline(viewer);
      else if (performance.now() - viewer.behindSince > limits.patienceMs) viewer.connection.destroy();
    }
  }

  function send(viewer: Viewer, line: string): void {
    viewer.sentSeq = feed.seq();
    viewer.connection.write(line);
  }

  function sendBaseline(viewer: Viewer): void {
    viewer.behindSince = null;
    send(viewer, `data: ${feed.baseline(feed.seq() - viewer.sentSeq)}\n\n`);
  }

  function beat(): void {
    const line = `data: ${JSON.stringify({ type: "beat", now: Date.now() })}\n\n`;
    for (const viewer of viewers) {
      if (viewer.behindSince === null && viewer.connection.writableLength <= limits.unsentBytes)
        viewer.connection.write(line);
    }
    catchUp();
  }

  function remove(viewer: Viewer): void {
    if (!viewers.delete(viewer)) return;
    watched(viewers.size);
    if (viewers.size > 0) return;
    feed.watch(undefined);
    clearTimeout(frameTimer);
    clearInterval(beatTimer);
    frameTimer = undefined;
    beatTimer = undefined;
  }

  return {
    add(connection, accept = () => undefined) {
      if (viewers.size >= limits.viewers) return false;
      accept();
      const viewer: Viewer = { connection, sentSeq: feed.seq(), behindSince: null };
      viewers.add(viewer);
      connection.on("close", () => remove(viewer));
      connection.on("error", () => remove(viewer));
      // A viewer that fell behind is served as soon as it has read all, also when nothing more happens.
      connection.on("drain", () => {
        if (viewer.behindSince !== null && connection.writableLength === 0) sendBaseline(viewer);
      });
      // Frames begin after the baseline, which holds all that was gathered before.
      if (viewers.size === 1) {
        feed.watch(wake);
        beatTimer = setInterval(beat, limits.beatMs);
        beatTimer.unref();
      }
      sendBaseline(viewer);
      watched(viewers.size);
      return true;
    },
    count: () => viewers.size,
    close() {
      for (const viewer of viewers) viewer.connection.destroy();
    },
  };
}
