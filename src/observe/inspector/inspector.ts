import type { IncomingMessage, ServerResponse } from "node:http";
import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from "xstate";
import type { MachineListener } from "../machines/live-machine.ts";
import type { RequestHandler } from "../pages/http-server.ts";
import { boundedCopy } from "./bounded-copy.ts";
import { createFeed, type FeedOptions } from "./feed.ts";
import type { FeedDetails } from "./feed-messages.ts";
import { refuse, send, sendFile, streamHeaders } from "./page-answers.ts";
import type { PageFiles } from "./page-files.ts";
import { createViewers, usualLimits } from "./viewers.ts";

/** The inspector's parts, for those who feed it and who serve it. */
export interface Inspector {
  readonly listener: MachineListener;
  readonly inspect: (event: InspectionEvent) => void;
  /** Serves /inspect and what is below it. */
  readonly handler: RequestHandler;
  close(): void;
}

const contextBounds = { values: 3000, depth: 9, text: 600, elements: 200 };

/** The inspector of one program. `files` are the page's; `watched` hears how many viewers there are. */
export function createInspector(
  options: FeedOptions,
  files: PageFiles,
  watched?: (count: number) => void,
): Inspector {
  const feed = createFeed(options);
  const viewers = createViewers(feed, usualLimits, watched);

  function stream(request: IncomingMessage, response: ServerResponse): void {
    // An exchange ends after ten seconds without traffic; this one goes on as long as its viewer reads.
    request.socket.setTimeout(0);
    const accepted = viewers.add(response, () => response.writeHead(200, streamHeaders));
    if (!accepted)
      refuse(response, 503, `${viewers.count()} viewers are connected, that is the most; close one of them`);
  }

  function details(key: string | null): string | undefined {
    const machine = [...options.machines.live()].find(({ ref }) => ref.sessionId === key);
    if (machine === undefined) return undefined;
    const { context, children } = machine.ref.getSnapshot() as AnyMachineSnapshot;
    const answer: FeedDetails = {
      key: machine.ref.sessionId,
      context: boundedCopy(context, contextBounds, options.redact),
      transitions: machine.last.entries().map(({ at, from, to, event }) => ({ at, from, to, event })),
      effects: effectsOf(children as Readonly<Record<string, AnyActorRef | undefined>>),
    };
    return options.redact(JSON.stringify(answer));
  }

  function answer(request: IncomingMessage, response: ServerResponse, url: URL): void {
    if (url.pathname === "/inspect/stream") stream(request, response);
    else if (url.pathname === "/inspect/actor") {
      const body = details(url.searchParams.get("key"));
      if (body === undefined) refuse(response, 404, "this machine has ended");
      else send(response, { contentType: "application/json; charset=utf-8", body });
    } else sendFile(response, files, url);
  }

  return {
    listener: feed.listener,
    inspect: feed.inspect,
    handler: (request, response, url) => {
      if (url.pathname !== "/inspect" && !url.pathname.startsWith("/inspect/")) return false;
      try {
        answer(request, response, url);
      } catch (error) {
        options.broke(error);
        if (response.headersSent) response.destroy();
        else refuse(response, 500, "the page could not be made");
      }
      return true;
    },
    close: () => viewers.close(),
  };
}

/** Children that are no machines: promises and callbacks, by the name of what they do. */
function effectsOf(children: Readonly<Record<string, AnyActorRef | undefined>>): readonly string[] {
  return Object.values(children).flatMap((child) => {
    if (child === undefined || "machine" in (child.getSnapshot() ?? {})) return [];
    return [typeof child.src === "string" ? child.src : child.id];
  });
}
