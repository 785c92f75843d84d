import { isDeepStrictEqual } from "node:util";
import { Agent, type Dispatcher, ProxyAgent, request } from "undici";
import { parseJson } from "../../domain/parse-json.ts";
import { type ClusterAccess, clusterAccess } from "./cluster-access.ts";
import type { KubeConfigReader } from "./kube-config.ts";
import { KubernetesRequestError } from "./kubernetes-error.ts";
import { type Refusal, refusalError } from "./read-refusal.ts";

export interface ApiCall {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body; JSON when absent. */
  readonly contentType?: string;
}

export interface ApiTransport {
  /** One exchange, at most 10 s; the parsed body. Throws KubernetesRequestError. */
  call(call: ApiCall, signal: AbortSignal): Promise<unknown>;
  /** A stream that may be silent for `silenceMs`. Headers come within 10 s. Chunks may throw; see `brokenStream`. */
  stream(call: ApiCall, silenceMs: number, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  close(): Promise<void>;
}

/** What a connection depends on; the rest of the access goes into each request. */
type Way = { readonly tls: ClusterAccess["tls"]; readonly proxy?: string | undefined };

const exchangeMs = 10_000;
const connectMs = 5_000;
/**
 * A peer that is gone without a word is noticed by the kernel: first probe after this, then ten, one second apart
 * (libuv uv__tcp_keepalive).
 */
const probeAfterMs = 15_000;

/** HTTPS to the API server. `readConfig` is asked before each request, so rotated files count at once. */
export function createApiTransport(readConfig: KubeConfigReader): ApiTransport {
  let current: { readonly way: Way; readonly agent: Dispatcher } | undefined;

  /** Connections are made with the certificates of now; streams on earlier ones go on until they end. */
  function agentFor({ tls, proxy }: Way): Dispatcher {
    const way = { tls, proxy };
    if (current !== undefined && isDeepStrictEqual(current.way, way)) return current.agent;
    current?.agent.close().catch(() => undefined);
    const agent = openAgent(way);
    current = { way, agent };
    return agent;
  }

  async function send(call: ApiCall, bodyTimeout: number, signal: AbortSignal) {
    const { server, headers, ...way } = await clusterAccess(readConfig());
    try {
      return await request(new URL(server + call.path), {
        dispatcher: agentFor(way),
        method: call.method,
        bodyTimeout,
        ...(call.query === undefined ? {} : { query: { ...call.query } }),
        headers: {
          ...headers,
          accept: "application/json",
          "user-agent": "headcni",
          ...(call.body === undefined ? {} : { "content-type": call.contentType ?? "application/json" }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal,
      });
    } catch (cause) {
      throw unreachable(server, cause);
    }
  }

  return {
    async call(call, signal) {
      const answer = await send(call, exchangeMs, AbortSignal.any([signal, AbortSignal.timeout(exchangeMs)]));
      const body = await readJson(answer);
      if (answer.statusCode > 299) throw refusalError(`${call.method} ${call.path}`, refusal(answer, body));
      return body;
    },
    async stream(call, silenceMs, signal) {
      const answer = await send(call, silenceMs, signal);
      if (answer.statusCode <= 299) return answer.body;
      throw refusalError(`watch ${call.path}`, refusal(answer, await readJson(answer)));
    },
    close: async () => {
      await current?.agent.destroy();
      current = undefined;
    },
  };
}

/** HTTP/1.1: a stream of its own for each watch, so that a slow one holds up nobody. */
function openAgent({ tls, proxy }: Way): Dispatcher {
  const common = { allowH2: false, headersTimeout: exchangeMs };
  const socket = { timeout: connectMs, keepAlive: true, keepAliveInitialDelay: probeAfterMs };
  const ours = { ...tls, ...socket };
  return proxy === undefined
    ? new Agent({ ...common, connect: ours })
    : new ProxyAgent({ ...common, uri: proxy, requestTls: ours, connect: socket });
}

/** The error of a stream that broke off. */
export function brokenStream(cause: unknown): KubernetesRequestError {
  const reason = reasonOf(cause);
  return new KubernetesRequestError(
    `the API server's stream broke off: ${reason}`,
    { code: "UNREACHABLE", reason },
    { cause },
  );
}

function refusal({ statusCode, headers }: Dispatcher.ResponseData, body: unknown): Refusal {
  const retryAfter = headers["retry-after"];
  return {
    status: statusCode,
    body,
    ...(typeof retryAfter === "string" ? { retryAfter } : {}),
  };
}

/** A proxy in between may answer with other things than JSON: then there are no words. */
async function readJson({ body }: Dispatcher.ResponseData): Promise<unknown> {
  return parseJson(
    await body.text().catch((cause: unknown) => {
      throw brokenStream(cause);
    }),
  );
}

function unreachable(server: string, cause: unknown): KubernetesRequestError {
  const reason = reasonOf(cause);
  return new KubernetesRequestError(
    `the API server at ${server} cannot be reached: ${reason}`,
    { code: "UNREACHABLE", reason },
    { cause },
  );
}

/** "ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT", "TimeoutError", "CERT_HAS_EXPIRED". */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
}
