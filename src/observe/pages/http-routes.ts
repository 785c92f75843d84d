import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Readiness } from "../../domain/health-level.ts";
import { visible } from "../../protocol/visible-text.ts";
import type { Health } from "../machines/machine-health.ts";
import type { MachinesPage } from "./machines-page.ts";

/** What the pages show; the functions are called per request. */
export interface HttpSources {
  health(): Health;
  /** A program that serves no pods has none. */
  readonly readiness?: () => Readiness;
  /** Prometheus text format and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  machines(): MachinesPage | Promise<MachinesPage>;
  /** Further JSON pages by path, called per request with its URL. */
  readonly pages?: Readonly<Record<string, (url: URL) => unknown>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Beside those that every answer has. */
  readonly headers?: OutgoingHttpHeaders;
}

export type HttpRoute = (url: URL) => HttpAnswer | Promise<HttpAnswer>;

/** The pages by path. */
export function httpRoutes({
  health,
  readiness,
  metrics,
  machines,
  pages = {},
}: HttpSources): Readonly<Record<string, HttpRoute>> {
  const verdict = (isWell: boolean, body: unknown) => jsonAnswer(isWell ? 200 : 503, body);
  return {
    "/healthz": () => {
      const now = health();
      return verdict(now.alive, now);
    },
    ...(readiness && {
      "/ready": () => {
        const now = readiness();
        return verdict(now.serving, now);
      },
    }),
    "/metrics": metricsRoute(metrics),
    "/debug/machines": async () => jsonAnswer(200, await machines()),
    ...Object.fromEntries(
      Object.entries(pages).map(([path, page]) => [path, (url: URL) => jsonAnswer(200, page(url))]),
    ),
  };
}

export function metricsRoute(metrics: HttpSources["metrics"]): HttpRoute {
  return async () => ({ status: 200, ...(await metrics()) });
}

/** Pretty-printed, keys in the order they were written: stable for people and for diffs. curl shows it on a terminal. */
export function jsonAnswer(status: number, body: unknown): HttpAnswer {
  return {
    status,
    contentType: "application/json; charset=utf-8",
    body: visible(`${JSON.stringify(body, undefined, 2)}\n`),
  };
}

/** Sends the answer; nobody on the way keeps it. Answers to HEAD have no body: Node leaves it out. */
export function sendAnswer(response: ServerResponse, answer: HttpAnswer): void {
  const { status, contentType, body, headers } = answer;
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(body);
}
