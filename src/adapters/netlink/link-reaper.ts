import { leavingLinkGroup } from "../../domain/kernel-constants.ts";
import type { Libc } from "./libc.ts";
import { deleteLinkGroup } from "./link-messages.ts";
import { encodeMessages } from "./netlink-message.ts";
import { type NetlinkSocket, openNetlinkSocket, readRefusal, refused } from "./netlink-socket.ts";

/**
 * Deletes the links of the leaving group, all that have gathered with one request. The request waits for RCU (about 16 ms,
 * however many links), so it runs on a thread of its own, one at a time, and nobody waits for it.
 */
export interface LinkReaper {
  /** `released` is called once a deletion that began after this call is done. */
  add(hostLink: string, released: () => void): void;
  /** Resolves when that link, should it wait for deletion, is gone; begins at once. */
  settled(hostLink: string): Promise<void>;
  /** Deletes what waits, then closes. */
  close(): Promise<void>;
}

export interface LinkReaperOptions {
  /** How long links gather before they are deleted. */
  readonly gatherMs: number;
  /** While this says so, deletions are put off, at most `maximumDelays` times. */
  readonly busy: () => boolean;
  readonly maximumDelays: number;
  /** The kernel refused: the links stay, and are tried again after `retryMs`. */
  readonly refused: (error: Error) => void;
  readonly retryMs: number;
}

type Callbacks = (() => void)[];

export function linkReaper(libc: Libc, options: LinkReaperOptions): LinkReaper {
  const socket = openNetlinkSocket(libc);
  const request = encodeMessages([deleteLinkGroup(leavingLinkGroup)], 1);
  let waiting = new Map<string, Callbacks>();
  let deleting = new Map<string, Callbacks>();
  let underWay = false;
  let urgent = false;
  let delays = 0;
  let timer: NodeJS.Timeout | undefined;

  const schedule = (ms: number): void => {
    if (underWay || timer !== undefined || waiting.size === 0) return;
    timer = setTimeout(begin, urgent ? 0 : ms);
  };

  const begin = (): void => {
    timer = undefined;
    if (!urgent && options.busy() && delays < options.maximumDelays) {
      delays += 1;
      schedule(options.gatherMs);
    } else {
      delays = 0;
      urgent = false;
      underWay = true;
      [deleting, waiting] = [waiting, new Map()];
      libc.sendAsync(socket.fd, request, (error, sent) => end(error ?? answer(socket, sent)));
    }
  };

  const end = (error: Error | undefined): void => {
    underWay = false;
    const ended = deleting;
    deleting = new Map();
    if (error === undefined) for (const callback of [...ended.values()].flat()) callback();
    else {
      options.refused(error);
      for (const [hostLink, callbacks] of ended)
        waiting.set(hostLink, [...callbacks, ...(waiting.get(hostLink) ?? [])]);
    }
    schedule(error === undefined ? options.gatherMs : options.retryMs);
  };

  const hurry = (): void => {
    urgent = true;
    clearTimeout(timer);
    timer = undefined;
    schedule(0);
  };

  const settled = (hostLink: string): Promise<void> => {
    const callbacks = waiting.get(hostLink) ?? deleting.get(hostLink);
    if (callbacks === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      callbacks.push(resolve);
      if (waiting.has(hostLink)) hurry();
    });
  };

  return {
    add: (hostLink, released) => {
      waiting.set(hostLink, [...(waiting.get(hostLink) ?? []), released]);
      schedule(options.gatherMs);
    },
    settled,
    close: async () => {
      await Promise.all([...deleting.keys(), ...waiting.keys()].map(settled));
      socket.close();
    },
  };
}

/** ENODEV: no link was in the group (they went with their sandboxes). */
function answer(socket: NetlinkSocket, sent: number): Error | undefined {
  if (sent < 0) return new Error("the deletion of released links could not be sent");
  const received = socket.receive();
  const refusal = received === undefined || received === "overrun" ? undefined : readRefusal(received);
  return refusal === undefined || refusal.errno === "ENODEV" ? undefined : refused(refusal);
}
