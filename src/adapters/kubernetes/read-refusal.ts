import { z } from "zod";
import type { KubernetesFailure } from "../../ports/kubernetes.ts";
import { KubernetesRequestError } from "./kubernetes-error.ts";

/** metav1.Status: the body of every refusal, and the object of a watch's ERROR event. */
const statusSchema = z.object({
  code: z.number().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

const transient: readonly number[] = [408, 429, 500, 502, 503, 504];

/** What an answer other than 2xx means, as an error. `retryAfter` is the header, in seconds. */
export function refusalError(what: string, answer: Refusal): KubernetesRequestError {
  const { status } = answer;
  const said = wordsOf(answer.body);
  const detail = readRefusal(answer);
  return new KubernetesRequestError(`the API server answered ${status} to ${what}: ${said}`, detail);
}

export interface Refusal {
  readonly status: number;
  /** JSON, if the API server itself answered. */
  readonly body: unknown;
  readonly retryAfter?: string | undefined;
}

/** The HTTP status decides; a watch's ERROR event carries it as `code` in its Status. */
function readRefusal({ status, body, retryAfter }: Refusal): KubernetesFailure {
  const text = wordsOf(body);
  if (status === 401) return { code: "UNAUTHORIZED" };
  if (status === 403) return { code: "FORBIDDEN", text };
  if (status === 404) return { code: "NOT_FOUND", text };
  if (status === 410) return { code: "EXPIRED", text };
  if (transient.includes(status)) {
    const seconds = Number(retryAfter);
    const named = retryAfter !== undefined && Number.isFinite(seconds) && seconds >= 0;
    return { code: "UNAVAILABLE", status, ...(named ? { retryAfterMs: seconds * 1000 } : {}) };
  }
  return { code: "REJECTED", status, reason: parsed(body)?.reason ?? "", text };
}

/** The HTTP status that a Status object stands for; 500 when it does not say. */
export function statusCodeOf(body: unknown): number {
  return parsed(body)?.code ?? 500;
}

function wordsOf(body: unknown): string {
  return (parsed(body)?.message ?? "").slice(0, 300);
}

function parsed(body: unknown) {
  return statusSchema.safeParse(body).data;
}
