import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { boundConnections } from "./bounded-connections.ts";
import { listenOnSocket, listenOnTcp } from "./http-listen.ts";
import {
  type HttpAnswer,
  type HttpRoute,
  type HttpSources,
  httpRoutes,
  jsonAnswer,
  sendAnswer,
} from "./http-routes.ts";
import { refusalOf } from "./local-pages.ts";

export interface HttpServerOptions {
  /** Another one than loopback opens /healthz, /ready and /metrics only; pages below /debug and /inspect stay local. */
  readonly address?: string;
  /** 0 takes any free port. Without one the pages are served on the unix socket alone. */
  readonly port?: number;
  /** Unix socket that serves the same pages, for root alone (mode 0600). */
  readonly socketPath: string;
  /** Answers some requests itself, in its own time: those for which it gives true. */
  readonly handler?: RequestHandler | undefined;
  /** What POST does, by path; over the unix socket only. */
  readonly commands?: Readonly<Record<string, (url: URL) => Promise<HttpAnswer>>>;
}

/** Looks at a GET before the pages do. Gives true when the answer is its business. Must not throw. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean;

export interface HttpServer {
  /** The TCP port in use; 0 where there is none. */
  readonly port: number;
  /** Stops listening, ends open connections, removes the socket. */
  close(): Promise<void>;
}

const maxUrlBytes = 1024;
/** As many as one turn of the event loop may accept (Node's backlog), so that none is closed before it was read. */
const maxConnections = 512;

/**
 * GET and HEAD of /healthz, /metrics, /debug/machines and others over TCP and over a unix socket, commands over the socket.
 * Throws HttpServerError when either cannot be opened, and then leaves nothing open.
 */
export async function openHttpServer(sources: HttpSources, options: HttpServerOptions): Promise<HttpServer> {
  const routes = httpRoutes(sources);
  const { handler, address = "127.0.0.1", commands } = options;
  const [tcp, socket] = [
    createBoundedServer(routes, handler, {}),
    createBoundedServer(routes, handler, commands),
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

/** Limits: 8 KiB of headers (URL included), 3 s to send them, 2 s between requests, 10 s for an exchange, 512 connections. */
export function createBoundedServer(
  routes: Readonly<Record<string, HttpRoute>>,
  handler: RequestHandler = () => false,
  commands: NonNullable<HttpServerOptions["commands"]> = {},
): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 3000,
      requestTimeout: 5000,
      keepAliveTimeout: 2000,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      const { method, url: target = "" } = request;
      const url = target.length > maxUrlBytes ? null : URL.parse(target, "http://localhost");
      const refusal = url === null ? undefined : refusalOf(request, url.pathname);
      if (refusal !== undefined) {
        sendAnswer(response, { ...jsonAnswer(403, { error: refusal }), headers: closing });
        return;
      }
      if (method === "GET" && url !== null && handler(request, response, url)) return;
      void chooseAnswer(routes, commands, method, url).then((answer) => sendAnswer(response, answer));
    },
  );
  boundConnections(server, maxConnections);
  server.setTimeout(10_000, (connection) => connection.destroy());
  return server;
}

/** What the client still sends after a POST or a refusal is not read. */
const closing = { connection: "close" };

async function chooseAnswer(
  routes: Readonly<Record<string, HttpRoute>>,
  commands: NonNullable<HttpServerOptions["commands"]>,
  method: string | undefined,
  url: URL | null,
): Promise<HttpAnswer> {
  const pages = Object.keys(routes);
  const command = url === null ? undefined : commands[url.pathname];
  if (method === "POST" && url !== null && command !== undefined) {
    const answer = await command(url).catch(() => jsonAnswer(500, { error: "the command failed" }));
    return { ...answer, headers: closing };
  }
  if (method !== "GET" && method !== "HEAD")
    return {
      ...jsonAnswer(405, { error: "only GET and HEAD", pages }),
      headers: { allow: "GET, HEAD", ...closing },
    };
  if (url === null) return jsonAnswer(414, { error: `the URL is longer than ${maxUrlBytes} bytes` });
  const route = routes[url.pathname];
  if (route === undefined) return jsonAnswer(404, { error: "no such page", pages });
  try {
    return await route(url);
  } catch {
    return jsonAnswer(500, { error: "the page could not be made" });
  }
}

/** Ends open connections as well. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // One that never listened says so in an error, which is as good.
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
