import type { ServerResponse } from "node:http";
import { refuse, send, sendFile, streamHeaders } from "../inspector/page-answers.ts";
import type { PageFiles } from "../inspector/page-files.ts";
import type { RequestHandler } from "../pages/http-server.ts";
import { type Moment, momentAt, recordedDetails, spanOf } from "./moments.ts";
import type { Recording } from "./read-recording.ts";

/** The page gives up a stream that says nothing for twelve. */
const beatMs = 5_000;

/** Serves the inspector's page over a recording: /inspect and what is below it. */
export function createReplayPages(recording: Recording, files: PageFiles): RequestHandler {
  const span = spanOf(recording);

  function stream(response: ServerResponse): void {
    response.writeHead(200, streamHeaders);
    const say = (frame: object) => response.write(`data: ${JSON.stringify(frame)}\n\n`);
    say(span);
    const beat = setInterval(() => say({ type: "beat", now: span.to }), beatMs);
    beat.unref();
    response.on("close", () => clearInterval(beat));
  }

  function sendJson(response: ServerResponse, answer: object): void {
    send(response, { contentType: "application/json; charset=utf-8", body: JSON.stringify(answer) });
  }

  return (_request, response, url) => {
    const { pathname, searchParams } = url;
    if (pathname === "/inspect/stream") {
      stream(response);
      return true;
    }
    const asksForMoment = pathname === "/inspect/moment" || pathname === "/inspect/actor";
    const moment = momentOf(searchParams);
    if (!asksForMoment) sendFile(response, files, url);
    else if (moment === undefined)
      refuse(response, 400, "say which moment: at= in milliseconds since the epoch, or seq= of an entry");
    else if (pathname === "/inspect/moment") sendJson(response, momentAt(recording, moment));
    else sendJson(response, recordedDetails(recording, searchParams.get("key") ?? "", moment));
    return true;
  };
}

function momentOf(asked: URLSearchParams): Moment | undefined {
  const [at, seq] = ["at", "seq"].map((name) => wholeNumber(asked.get(name)));
  if (at !== undefined) return { at };
  return seq === undefined ? undefined : { seq };
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
