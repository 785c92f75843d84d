import { Agent, request } from "undici";
import type * as z from "zod";
import { CliError } from "./cli-error.ts";

export interface DaemonAnswer {
  readonly status: number;
  readonly body: string;
}

/** Questions to the daemon's pages. Throws CliError DAEMON_UNREACHABLE. */
export interface DaemonClient {
  readonly socketPath: string;
  get(path: string): Promise<DaemonAnswer>;
  /** A JSON page, whatever its status. Throws CliError when the answer is of another shape. */
  page<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>>;
  /** Has the daemon do something. */
  post(path: string): Promise<DaemonAnswer>;
}

const answerMs = 10_000;
const maxResponseSize = 256 * 1024 * 1024;

export function createDaemonClient(socketPath: string): DaemonClient {
  const ask = async (method: "GET" | "POST", path: string): Promise<DaemonAnswer> => {
    const signal = AbortSignal.timeout(answerMs);
    const dispatcher = new Agent({ connect: { socketPath }, maxResponseSize });
    try {
      const { statusCode, body } = await request(`http://localhost${path}`, { method, dispatcher, signal });
      return { status: statusCode, body: await body.text() };
    } catch (error) {
      throw unreachable(socketPath, error as NodeJS.ErrnoException, signal.aborted);
    } finally {
      await dispatcher.destroy();
    }
  };
  return {
    socketPath,
    get: (path) => ask("GET", path),
    page: async (path, schema) => {
      const { status, body } = await ask("GET", path);
      try {
        return schema.parse(JSON.parse(body));
      } catch (error) {
        throw new CliError(
          "FAILED",
          `the daemon's answer to ${path} (status ${status}) is not understood: is it of another version?`,
          error,
        );
      }
    },
    post: (path) => ask("POST", path),
  };
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException, late: boolean): CliError {
  const why = late
    ? `it did not answer within ${answerMs / 1000} s`
    : ({
        ENOENT: "there is no such socket: is the daemon running, and is --socket or --config right?",
        ECONNREFUSED: "nothing listens on it: the daemon is not running",
        EACCES: "only root may open it: run this as root",
      }[error.code ?? ""] ?? error.message);
  return new CliError("DAEMON_UNREACHABLE", `no daemon answers on ${socketPath}: ${why}`, error);
}
