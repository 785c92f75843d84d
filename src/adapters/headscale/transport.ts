import { Agent, request } from "undici";
import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import { HeadscaleRequestError } from "./headscale-error.ts";
import { readRefusal } from "./read-refusal.ts";

export interface ApiCall<Schema extends z.ZodType> {
  readonly method: "GET" | "POST" | "DELETE";
  /** With its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Absent on the paths that need no key. */
  readonly apiKey?: string;
  readonly answer: Schema;
}

export interface Transport {
  /** One exchange, at most 10 s. Throws HeadscaleRequestError. */
  call<Schema extends z.ZodType>(call: ApiCall<Schema>, signal: AbortSignal): Promise<z.output<Schema>>;
  close(): Promise<void>;
}

// A write waits for Headscale's batches: up to 500 ms with its default tuning, more on a busy server.
const exchangeMs = 10_000;
const connectMs = 3000;
const keepAliveMs = 60_000;

/** HTTP to one Headscale on connections of its own. */
export function createTransport(url: string): Transport {
  const agent = new Agent({
    connections: 2,
    connect: { timeout: connectMs },
    keepAliveTimeout: keepAliveMs,
    headersTimeout: exchangeMs,
    bodyTimeout: exchangeMs,
  });

  async function exchange(call: ApiCall<z.ZodType>, signal: AbortSignal) {
    try {
      const { statusCode, body } = await request(new URL(call.path, url), {
        dispatcher: agent,
        method: call.method,
        ...(call.query === undefined ? {} : { query: { ...call.query } }),
        headers: {
          accept: "application/json",
          ...(call.apiKey === undefined ? {} : { authorization: `Bearer ${call.apiKey}` }),
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(exchangeMs)]),
      });
      return { status: statusCode, text: await body.text() };
    } catch (cause) {
      const reason = reasonOf(cause);
      throw new HeadscaleRequestError(
        `Headscale at ${url} cannot be reached: ${reason}`,
        { code: "UNREACHABLE", reason },
        { cause },
      );
    }
  }

  return {
    async call(call, signal) {
      const { status, text } = await exchange(call, signal);
      if (status < 200 || status > 299) {
        const detail = readRefusal(status, text);
        const said = "text" in detail ? `: ${detail.text}` : "";
        throw new HeadscaleRequestError(
          `Headscale answered ${status} to ${call.method} ${call.path}${said}`,
          detail,
        );
      }
      return readAnswer(call, text);
    },
    close: () => agent.destroy(),
  };
}

function readAnswer<Schema extends z.ZodType>(
  { path, answer }: ApiCall<Schema>,
  text: string,
): z.output<Schema> {
  const parsed = answer.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const problems = z.prettifyError(parsed.error).slice(0, 500);
  throw new HeadscaleRequestError(
    `Headscale's answer to ${path} is not what this version reads: ${problems}`,
    {
      code: "UNREADABLE",
      path,
      text: problems,
    },
  );
}

/** "ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT", "TimeoutError". */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
}
