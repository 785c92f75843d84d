import type { ServerResponse } from "node:http";
import { jsonAnswer, sendAnswer } from "../pages/http-routes.ts";
import type { RequestHandler } from "../pages/http-server.ts";
import type { TakeProfile } from "./profilers.ts";

const folder = "/debug/pprof/";
const defaultSeconds = 10;
const maxSeconds = 60;
/** Beyond the profile itself: encoding and sending it. */
const graceMs = 10_000;

/** Profilers by kind ("profile", "heap") of each thread; that of the thread "main" is meant where none is named. */
export type ThreadProfilers = Readonly<Record<string, Readonly<Record<string, TakeProfile>>>>;

/**
 * /debug/pprof/, an index, and below it /debug/pprof/profile and /debug/pprof/heap, both with `?seconds=` and `?thread=`: profiles that
 * `go tool pprof` opens. One at a time, since a second one would measure the first. Until somebody asks it costs nothing.
 */
export function createPprofPages(threads: ThreadProfilers): RequestHandler {
  let running: { readonly kind: string; readonly until: number } | undefined;

  async function profile(
    kind: string,
    profiler: TakeProfile,
    seconds: number,
    response: ServerResponse,
  ): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    // The server ends an exchange that is silent for 10 s; a profile is silent for as long as it is taken.
    response.socket?.setTimeout(seconds * 1000 + graceMs);
    running = { kind, until: performance.now() + seconds * 1000 };
    try {
      const body = await profiler(seconds * 1000, gone.signal);
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
    const profilers = entryOf(threads, url.searchParams.get("thread") ?? "main");
    const profiler = entryOf(profilers, kind);
    const seconds = secondsOf(url);
    if (kind === "")
      sendAnswer(response, {
        status: 200,
        contentType: "text/html; charset=utf-8",
        body: indexPage(threads),
      });
    else if (profilers === undefined)
      refuse(404, `no such thread: there are ${Object.keys(threads).join(" and ")}`);
    else if (profiler === undefined) {
      const paths = Object.keys(profilers).map((name) => folder + name);
      refuse(404, `no such profile: there are ${paths.join(" and ")}`);
    } else if (seconds === undefined) refuse(400, `seconds must be a number from 1 to ${maxSeconds}`);
    else if (running !== undefined) {
      const left = Math.max(1, Math.ceil((running.until - performance.now()) / 1000));
      response.setHeader("retry-after", String(left));
      refuse(409, `${folder}${running.kind} is being taken for another ${left} s: one at a time`);
    } else void profile(kind, profiler, seconds, response);
    return true;
  };
}

/** Gives the first handler that wants a request the request. */
export function firstHandler(...handlers: readonly (RequestHandler | undefined)[]): RequestHandler {
  return (request, response, url) => handlers.some((handler) => handler?.(request, response, url) === true);
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
function indexPage(threads: ThreadProfilers): string {
  const rows = Object.entries(threads).flatMap(([thread, profilers]) =>
    Object.keys(profilers).map((kind) => {
      const path = `${folder}${kind}?thread=${thread}&seconds=${defaultSeconds}`;
      return `<li><a href="${path.replace("&", "&amp;")}">${path.replace("&", "&amp;")}</a></li>`;
    }),
  );
  return `<!doctype html><title>/debug/pprof/</title><h1>/debug/pprof/</h1><p>For go tool pprof. profile: CPU time; heap: what was allocated meanwhile and still lives. seconds: 1 to ${maxSeconds}.</p><ul>${rows.join("")}</ul>`;
}
