import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { TailscaleError } from "./tailscale-error.ts";

/** One answer of the LocalAPI, whatever its status. */
export interface LocalAnswer {
  readonly status: number;
  readonly text: string;
}

export interface LocalRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** Below `/localapi/v0/`, with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Limit for the whole exchange. */
  readonly timeoutMs?: number;
}

export interface LocalApi {
  /** The body of a 2xx answer. Throws REFUSED for other statuses, UNREACHABLE when nothing answers. */
  call(request: LocalRequest, signal: AbortSignal): Promise<string>;
  /** An endless answer; `opened` gets it once the headers are there. Returns the way to end it. */
  stream(
    path: string,
    opened: (answer: IncomingMessage) => void,
    failed: (error: TailscaleError) => void,
  ): () => void;
  close(): void;
}

/** tailscaled answers only to this host (ipn/localapi: LocalAPIHost) and only without Origin and Referer. */
const headers = { Host: "local-tailscaled.sock" };
const defaultTimeoutMs = 10_000;
/** A status with thousands of peers is some megabytes; more is not a tailscaled. */
const maxBytes = 64 * 1024 * 1024;

/** HTTP over tailscaled's unix socket. */
export function createLocalApi(socketPath: string): LocalApi {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  function exchange(wanted: LocalRequest, signal: AbortSignal): Promise<LocalAnswer> {
    const body = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
    return new Promise((resolve, reject) => {
      const failed = (cause: Error) => reject(unreachable(socketPath, cause));
      const outgoing = request(
        {
          socketPath,
          agent,
          method: wanted.method,
          path: `/localapi/v0/${wanted.path}`,
          headers: body === undefined ? headers : { ...headers, "Content-Length": Buffer.byteLength(body) },
          signal: AbortSignal.any([signal, AbortSignal.timeout(wanted.timeoutMs ?? defaultTimeoutMs)]),
        },
        (answer) => {
          collect(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), failed);
        },
      );
      outgoing.on("error", failed);
      refuseUpgrade(outgoing, failed);
      outgoing.end(body);
    });
  }

  return {
    async call(wanted, signal) {
      const answer = await exchange(wanted, signal);
      if (answer.status >= 200 && answer.status < 300) return answer.text;
      const { status } = answer;
      const text = answer.text.trim().slice(0, 500);
      throw new TailscaleError(
        `tailscaled refused ${wanted.method} ${pathOnly(wanted.path)}: ${status} ${text}`,
        {
          code: "REFUSED",
          status,
          text,
        },
      );
    },
    stream(path, opened, failed) {
      const outgoing = request({ socketPath, agent: false, path: `/localapi/v0/${path}`, headers }, opened);
      const broke = (cause: Error) => failed(unreachable(socketPath, cause));
      outgoing.on("error", broke);
      refuseUpgrade(outgoing, broke);
      outgoing.end();
      return () => outgoing.destroy();
    },
    close: () => agent.destroy(),
  };
}

/** Without this a 101 ends the request with neither an answer nor an error (socketOnData of lib/_http_client.js). */
function refuseUpgrade(outgoing: ClientRequest, failed: (cause: Error) => void): void {
  outgoing.once("upgrade", (_answer, socket) => {
    socket.destroy();
    failed(new Error("the answer changes to another protocol"));
  });
}

async function collect(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(socketPath: string, cause: Error): TailscaleError {
  const reason = reasonOf(cause);
  return new TailscaleError(
    `tailscaled does not answer on ${socketPath}: ${reason}`,
    { code: "UNREACHABLE", reason },
    { cause },
  );
}

/** A signal ends a request with ABORT_ERR, and says in its cause why. */
function reasonOf(error: Error): string {
  if (error.name === "AbortError" && error.cause instanceof Error) return error.cause.name;
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

function pathOnly(path: string): string {
  return path.split("?")[0] ?? path;
}
