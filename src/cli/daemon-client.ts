import { request } from "node:http";
import { CliError } from "./cli-error.ts";

export interface DaemonAnswer {
  readonly status: number;
  readonly body: string;
}

/** Questions to the daemon's pages. Throws CliError DAEMON_UNREACHABLE. */
export interface DaemonClient {
  readonly socketPath: string;
  get(path: string, options?: DaemonQuestion): Promise<DaemonAnswer>;
  /** Has the daemon do something. */
  post(path: string, options?: DaemonQuestion): Promise<DaemonAnswer>;
}

export interface DaemonQuestion {
  /** Default 10 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const maxBodyBytes = 256 * 1024 * 1024;

export function createDaemonClient(socketPath: string): DaemonClient {
  const ask =
    (method: string): DaemonClient["get"] =>
    (path, { timeoutMs = 10_000, signal } = {}) =>
      new Promise((resolve, reject) => {
        const limit = AbortSignal.timeout(timeoutMs);
        const fail = (error: Error) => reject(unreachable(socketPath, error, limit.aborted, timeoutMs));
        const asked = request(
          {
            socketPath,
            path,
            method,
            agent: false,
            signal: signal ? AbortSignal.any([signal, limit]) : limit,
          },
          (answer) => {
            const chunks: Buffer[] = [];
            let bytes = 0;
            answer.on("data", (chunk: Buffer) => {
              bytes += chunk.length;
              if (bytes > maxBodyBytes) asked.destroy(new Error("the answer has no end"));
              chunks.push(chunk);
            });
            answer.on("end", () =>
              resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
            );
            answer.on("error", fail);
          },
        );
        asked.on("error", fail);
        asked.end();
      });
  return { socketPath, get: ask("GET"), post: ask("POST") };
}

function unreachable(socketPath: string, error: Error, late: boolean, timeoutMs: number): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const why = late
    ? `it did not answer within ${timeoutMs / 1000} s`
    : ({
        ENOENT: "there is no such socket: is the daemon running, and is --socket or --config right?",
        ECONNREFUSED: "nobody listens on it: the daemon is not running",
        EACCES: "only root may open it: run this as root",
      }[code] ?? error.message);
  return new CliError(
    `no daemon answers on ${socketPath}: ${why}`,
    { code: "DAEMON_UNREACHABLE", where: socketPath },
    { cause: error },
  );
}
