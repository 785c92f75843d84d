import type { ServerResponse } from "node:http";
import { jsonAnswer, sendAnswer } from "../pages/http-routes.ts";
import type { RequestTaker } from "../pages/http-server.ts";
import type { ProfileTaker } from "./profilers.ts";

const folder = "/debug/pprof/";
const defaultSeconds = 10;
const maxSeconds = 60;
/** Beyond the profile itself: encoding and sending it. */
const graceMs = 10_000;

/** Takers by kind ("profile", "heap") of each thread; that of the thread "main" is meant where none is named. */
export type ThreadTakers = Readonly<Record<string, Readonly<Record<string, ProfileTaker>>>>;

/**
 * /debug/pprof/, an index, and below it /debug/pprof/profile and /debug/pprof/heap, both with `?seconds=` and `?thread=`: profiles that
 * `go tool pprof` opens. One at a time, since a second one would measure the first. Until somebody asks it costs nothing.
 */
export function createPprofPages(threads: ThreadTakers): RequestTaker {
  let running: { readonly kind: string; readonly until: number } | undefined;

  async function profile(
    kind: string,
    taker: ProfileTaker,
    seconds: number,
    response: ServerResponse,
  ): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    // The server ends an exchange that is silent for 10 s; a profile is silent for as long as it is taken.
    response.socket?.setTimeout(seconds * 1000 + graceMs);
    running = { kind, until: performance.now() + seconds * 1000 };
    try {
      const body = await taker(seconds * 1000, gone.signal);
      const headers = { "content-disposition": `attachment; filename="headcni-${kind}.pb.gz"` };
      sendAnswer(response, { status: 200, contentType: "application/octet-stream", body, headers });
    } catch (error) {
      if (!gone.signal.aborted)
        sendAnswer(response, jsonAnswer(500, { error: `the profile failed: ${String(error)}` }));
    } finally {
      running = undefined;
    }
  }

  return (_request, response, url) => {
    if (`${url.pathname}/` !== folder && !url.pathname.startsWith(folder)) return false;
    const refuse = (status: number, error: string) => sendAnswer(response, jsonAnswer(status, { error }));
    const kind = url.pathname.slice(folder.length);
    const takers = entryOf(threads, url.searchParams.get("thread") ?? "main");
    const taker = entryOf(takers, kind);
    const seconds = secondsOf(url);
    if (kind === "")
      sendAnswer(response, {
        status: 200,
        contentType: "text/html; charset=utf-8",
        body: indexPage(threads),
      });
    else if (takers === undefined)
      refuse(404, `no such thread: there are ${Object.keys(threads).join(" and ")}`);
    else if (taker === undefined) {
      const paths = Object.keys(takers).map((name) => folder + name);
      refuse(404, `no such profile: there are ${paths.join(" and ")}`);
    } else if (seconds === undefined) refuse(400, `seconds must be a number from 1 to ${maxSeconds}`);
    else if (running !== undefined) {
      const left = Math.max(1, Math.ceil((running.until - performance.now()) / 1000));
      response.setHeader("retry-after", String(left));
      refuse(409, `${folder}${running.kind} is being taken for another ${left} s: one at a time`);
    } else void profile(kind, taker, seconds, response);
    return true;
  };
}

/** Gives the first taker that wants a request the request. */
export function firstTaker(...takers: readonly (RequestTaker | undefined)[]): RequestTaker {
  return (request, response, url) => takers.some((taker) => taker?.(request, response, url) === true);
}

/** Not what every object has, such as "constructor". */
function entryOf<Value>(table: Readonly<Record<string, Value>> | undefined, name: string): Value | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

function secondsOf(url: URL): number | undefined {
  const text = url.searchParams.get("seconds");
  if (text === null) return defaultSeconds;
  const seconds = Number(text);
  return text !== "" && seconds >= 1 && seconds <= maxSeconds ? seconds : undefined;
}

/** Names in it are our own. */
function indexPage(threads: ThreadTakers): string {
  const rows = Object.entries(threads).flatMap(([thread, takers]) =>
    Object.keys(takers).map((kind) => {
      const path = `${folder}${kind}?thread=${thread}&seconds=${defaultSeconds}`;
      return `<li><a href="${path.replace("&", "&amp;")}">${path.replace("&", "&amp;")}</a></li>`;
    }),
  );
  return `<!doctype html><title>/debug/pprof/</title><h1>/debug/pprof/</h1><p>For go tool pprof. profile: CPU time; heap: what was allocated meanwhile and still lives. seconds: 1 to ${maxSeconds}.</p><ul>${rows.join("")}</ul>`;
}
