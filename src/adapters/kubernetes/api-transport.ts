import type { AgentOptions, RequestOptions } from "node:https";
import type { ConnectionOptions } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import type { DispatcherOptions, KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { Agent, type buildConnector, type Dispatcher, Pool, ProxyAgent, request } from "undici";
import { HeadcniError, toFailure } from "../../domain/failure.ts";
import { parseJson } from "../../domain/parse-json.ts";
import type { KubeConfigReader } from "./kube-config.ts";
import { accessError, KubernetesRequestError } from "./kubernetes-error.ts";
import { type Refusal, refusalError } from "./read-refusal.ts";

export interface ApiCall {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
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

/** How to reach the API server and who we are to it, with all files read and programs run. */
export interface ClusterAccess {
  /** With its path, if it has one, and without a slash at the end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a connection depends on: certificates and a proxy. */
  readonly way: DispatcherOptions;
}

const exchangeMs = 10_000;
const connectMs = 5_000;
/**
 * A peer that is gone without a word is noticed by the kernel: first probe after this, then ten, one second apart
 * (libuv uv__tcp_keepalive).
 */
const probeAfterMs = 15_000;

/** HTTPS to the API server. `readConfig` is asked before each request, so rotated files count at once. */
export function createApiTransport(readConfig: KubeConfigReader): ApiTransport {
  let current: { readonly way: DispatcherOptions; readonly agent: Dispatcher } | undefined;

  /** Connections are made with the certificates of now; streams on earlier ones go on until they end. */
  function agentFor(way: DispatcherOptions): Dispatcher {
    if (current !== undefined && isDeepStrictEqual(current.way, way)) return current.agent;
    current?.agent.close().catch(() => undefined);
    const agent = openAgent(way);
    current = { way, agent };
    return agent;
  }

  async function send(call: ApiCall, bodyTimeout: number, signal: AbortSignal) {
    const { server, headers, way } = await clusterAccess(readConfig());
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

/**
 * client-node's applySecurityAuthentication would give a dispatcher, too, but a new one for each request and without our limits.
 * Throws KubernetesRequestError ACCESS_INVALID; its text has what the user's program or provider said.
 */
export async function clusterAccess(config: KubeConfig): Promise<ClusterAccess> {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw accessError("kubeconfig", "has no current context");
  const refuse = (text: string, options?: ErrorOptions) => accessError(`user "${user.name}"`, text, options);
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    if (cause instanceof HeadcniError) throw cause;
    throw refuse(toFailure(cause).message.trim(), { cause });
  }
  const { cert, key, auth, headers } = options;
  if ((cert === undefined) !== (key === undefined))
    throw refuse("has a client certificate without its key, or a key without its certificate");
  const who: Record<string, string> = {};
  if (auth) who["authorization"] = `Basic ${Buffer.from(auth).toString("base64")}`;
  for (const [name, value] of Object.entries(headers ?? {})) who[name.toLowerCase()] = String(value).trim();
  if (cert === undefined && who["authorization"] === undefined)
    throw refuse("has no client certificate, token, password, program or provider");
  const way = config.createDispatcherOptions(cluster, options as AgentOptions);
  // Through SOCKS, the certificate of a server that is an IP address would fail in exec: socks-proxy-agent checks it for "localhost".
  if ("uri" in way && !way.uri.startsWith("http"))
    throw accessError(
      `cluster "${cluster.name}"`,
      `has the proxy-url ${way.uri}: only HTTP proxies are supported`,
    );
  return { server: cluster.server.replace(/\/+$/, ""), headers: who, way };
}

/**
 * HTTP/1.1: a stream of its own for each watch, so that a slow one holds up nobody. To the proxy, undici connects by `proxyTls` and
 * ignores the `connect` that client-node gives; without `clientFactory` it would wait for a silent proxy for five minutes.
 */
function openAgent(way: DispatcherOptions): Dispatcher {
  const common = { allowH2: false, headersTimeout: exchangeMs, connectTimeout: connectMs };
  const socket = { keepAlive: true, keepAliveInitialDelay: probeAfterMs };
  // undici's type has no undefined properties; client-node sets none.
  const ours = (tls: ConnectionOptions) => ({ ...tls, ...socket }) as buildConnector.BuildOptions;
  if (!("uri" in way))
    return new Agent({ ...common, connect: ours(way.type === "agent" ? way.connect : {}) });
  const clientFactory = (proxy: URL, options: object) => new Pool(proxy, { ...common, ...options });
  const requestTls = ours(way.requestTls);
  return new ProxyAgent({ ...common, uri: way.uri, requestTls, proxyTls: socket, clientFactory });
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
