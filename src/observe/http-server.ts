import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listenOnSocket, listenOnTcp } from "./http-listen.ts";
import { type HttpAnswer, type HttpRoute, type HttpSources, httpRoutes, jsonAnswer } from "./http-routes.ts";

export interface HttpServerOptions {
  readonly address?: string;
  /** 0 takes any free port. Without one the pages are served on the unix socket alone. */
  readonly port?: number;
  /** Unix socket that serves the same pages, for root alone (mode 0600). */
  readonly socketPath: string;
  /** Answers some requests itself, in its own time: those for which it gives true. */
  readonly taker?: RequestTaker | undefined;
  /** What POST does, by path; over the unix socket only. */
  readonly commands?: Readonly<Record<string, (url: URL) => Promise<HttpAnswer>>>;
}

/** Looks at a GET before the pages do. Gives true when the answer is its business. Must not throw. */
export type RequestTaker = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

export interface HttpServer {
  /** The TCP port in use; 0 where there is none. */
  readonly port: number;
  /** Stops listening, ends open connections, removes the socket. */
  close(): Promise<void>;
}

const maxUrlBytes = 1024;
const maxConnections = 64;

/**
 * GET and HEAD of /healthz, /metrics, /debug/machines and others over TCP and over a unix socket, commands over the socket.
 * Throws HttpServerError when either cannot be opened, and then leaves nothing open.
 */
export async function openHttpServer(sources: HttpSources, options: HttpServerOptions): Promise<HttpServer> {
  const routes = httpRoutes(sources);
  const { taker, address = "127.0.0.1", commands } = options;
  const [tcp, socket] = [
    createBoundedServer(routes, taker, {}),
    createBoundedServer(routes, taker, commands),
  ];
  const port = options.port === undefined ? 0 : await listenOnTcp(tcp, address, options.port);
  try {
    await listenOnSocket(socket, options.socketPath);
  } catch (error) {
    await closeServer(tcp);
    throw error;
  }
  return {
    port,
    close: async () => {
      await Promise.all([closeServer(tcp), closeServer(socket)]);
    },
  };
}

/** Limits: 8 KiB of headers (URL included), 5 s to send a request, 10 s for an exchange, 64 connections. */
function createBoundedServer(
  routes: ReadonlyMap<string, HttpRoute>,
  taker: RequestTaker = () => false,
  commands: NonNullable<HttpServerOptions["commands"]> = {},
): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 5000,
      requestTimeout: 5000,
      keepAliveTimeout: 5000,
      connectionsCheckingInterval: 5000,
    },
    (request, response) => {
      if (!taken(taker, request, response)) void answer(routes, commands, request, response);
    },
  );
  server.maxConnections = maxConnections;
  server.setTimeout(10_000, (connection) => connection.destroy());
  return server;
}

function taken(taker: RequestTaker, request: IncomingMessage, response: ServerResponse): boolean {
  const { method, url = "" } = request;
  if (method !== "GET" || url.length > maxUrlBytes) return false;
  const parsed = URL.parse(url, "http://localhost");
  return parsed !== null && taker(request, response, parsed);
}

async function answer(
  routes: ReadonlyMap<string, HttpRoute>,
  commands: NonNullable<HttpServerOptions["commands"]>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, body } = await chooseAnswer(routes, commands, request);
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 && { allow: "GET, HEAD" }),
    // What the client still sends after a refusal is not read.
    ...(request.method !== "GET" && request.method !== "HEAD" && { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function chooseAnswer(
  routes: ReadonlyMap<string, HttpRoute>,
  commands: NonNullable<HttpServerOptions["commands"]>,
  { method, url = "" }: IncomingMessage,
): Promise<HttpAnswer> {
  const parsed = URL.parse(url, "http://localhost");
  const command = parsed === null ? undefined : commands[parsed.pathname];
  if (method === "POST" && parsed !== null && command !== undefined && url.length <= maxUrlBytes)
    return await command(parsed).catch(() => jsonAnswer(500, { error: "the command failed" }));
  if (method !== "GET" && method !== "HEAD")
    return jsonAnswer(405, { error: "only GET and HEAD", pages: [...routes.keys()] });
  if (url.length > maxUrlBytes)
    return jsonAnswer(414, { error: `the URL is longer than ${maxUrlBytes} bytes` });
  const route = routes.get(url.split("?", 1)[0] ?? "");
  if (route === undefined) return jsonAnswer(404, { error: "no such page", pages: [...routes.keys()] });
  try {
    return await route();
  } catch {
    return jsonAnswer(500, { error: "the page could not be made" });
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // One that never listened says so in an error, which is as good.
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
