import * as z from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import type { HeadscaleFailure } from "../../ports/headscale.ts";

/** 0.29: grpc-gateway's error body; `code` is gRPC's (google.rpc.Code). */
const gatewaySchema = z.object({ code: z.number().int(), message: z.string() });
/** 0.30: problem details (RFC 9457). */
const problemSchema = z.object({ title: z.string().optional(), detail: z.string().optional() });

const grpcNotFound = 5;
/** gRPC codes by which 0.29 means "not now": DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const grpcTransient: readonly number[] = [4, 8, 14];
const httpTransient: readonly number[] = [408, 429, 502, 503, 504];

/**
 * What an answer other than 2xx means. The HTTP status decides, but for 0.29's 500s: there nearly every refused request
 * is a 500 with a gRPC code (2 Unknown, 13 Internal), and asking again would not help.
 */
export function readRefusal(status: number, body: string): HeadscaleFailure {
  if (status === 401) return { code: "UNAUTHORIZED" };
  if (status === 403) return { code: "FORBIDDEN" };
  if (httpTransient.includes(status)) return { code: "UNAVAILABLE", status };
  const gateway = gatewaySchema.safeParse(parseJson(body));
  if (gateway.success && grpcTransient.includes(gateway.data.code)) return { code: "UNAVAILABLE", status };
  if (status === 404 || (gateway.success && gateway.data.code === grpcNotFound))
    return { code: "NOT_FOUND", status, text: words(body) };
  if (status >= 500 && !gateway.success) return { code: "UNAVAILABLE", status };
  return { code: "REJECTED", status, text: words(body) };
}

/** The server's own words, for people. */
function words(body: string): string {
  const json = parseJson(body);
  const gateway = gatewaySchema.safeParse(json);
  if (gateway.success) return gateway.data.message.slice(0, 300);
  const problem = problemSchema.safeParse(json);
  const said = problem.success ? (problem.data.detail ?? problem.data.title) : undefined;
  return (said ?? body.trim()).slice(0, 300);
}
