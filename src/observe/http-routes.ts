import type { Readiness } from "../domain/health-level.ts";
import type { Health } from "./machine-health.ts";
import type { MachinesPage } from "./machines-page.ts";

/** What the pages show; the functions are called per request. */
export interface HttpSources {
  health(): Health;
  /** A program that serves no pods has none. */
  readonly readiness?: () => Readiness;
  /** Prometheus text format and its content type. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  machines(): MachinesPage | Promise<MachinesPage>;
  /** Further JSON pages by path, called per request. */
  readonly pages?: Readonly<Record<string, () => unknown>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export type HttpRoute = () => HttpAnswer | Promise<HttpAnswer>;

/** The pages by path. */
export function httpRoutes(sources: HttpSources): ReadonlyMap<string, HttpRoute> {
  return new Map<string, HttpRoute>([
    [
      "/healthz",
      () => {
        const health = sources.health();
        return jsonAnswer(health.alive ? 200 : 503, health);
      },
    ],
    ...(sources.readiness === undefined ? [] : [readyRoute(sources.readiness)]),
    ["/metrics", async () => ({ status: 200, ...(await sources.metrics()) })],
    ["/debug/machines", async () => jsonAnswer(200, await sources.machines())],
    ...Object.entries(sources.pages ?? {}).map(([path, page]): [string, HttpRoute] => [
      path,
      () => jsonAnswer(200, page()),
    ]),
  ]);
}

function readyRoute(read: () => Readiness): [string, HttpRoute] {
  return [
    "/ready",
    () => {
      const readiness = read();
      return jsonAnswer(readiness.serving ? 200 : 503, readiness);
    },
  ];
}

/** Pretty-printed, keys in the order they were written: stable for people and for diffs. */
export function jsonAnswer(status: number, body: unknown): HttpAnswer {
  return {
    status,
    contentType: "application/json; charset=utf-8",
    body: `${JSON.stringify(body, undefined, 2)}\n`,
  };
}
