import type { Failure } from "../../src/domain/failure.ts";
import type { Recipient } from "../support/recipient.ts";

/** Answers to `approval.wanted`. */
export type ApprovalReply =
  /** `serving`: what the node serves now, by Headscale's word. */
  | { readonly type: "approval.granted"; readonly serving: readonly string[] }
  | { readonly type: "approval.failed"; readonly failure: Failure };

/** Answers to `authKey.wanted`. */
export type AuthKeyReply =
  | { readonly type: "authKey.granted"; readonly authKey: string }
  | { readonly type: "authKey.failed"; readonly failure: Failure };

/** What others ask of Headscale; each job is answered once to its `replyTo`, if it has one. */
export type HeadscaleJob =
  | {
      readonly type: "approval.wanted";
      readonly nodeId: string;
      readonly prefixes: readonly string[];
      readonly replyTo: Recipient<ApprovalReply>;
    }
  | { readonly type: "authKey.wanted"; readonly replyTo: Recipient<AuthKeyReply> }
  /** A node left the cluster for good; what it announced was `prefixes`. Nobody waits for the answer. */
  | { readonly type: "node.departed"; readonly name: string; readonly prefixes: readonly string[] };

/** What the machine is told. */
export type HeadscaleEvent =
  | HeadscaleJob
  | { readonly type: "control.lost" }
  | { readonly type: "control.restored" }
  | { readonly type: "credentials.replaced" };

/** What the effect `serve` gets: a job without its address, which is no plain data. */
export type HeadscaleTask =
  | { readonly kind: "approval"; readonly nodeId: string; readonly prefixes: readonly string[] }
  | { readonly kind: "authKey"; readonly tags: readonly string[] }
  | { readonly kind: "departure"; readonly hostname: string; readonly prefixes: readonly string[] };

/** What `serve` brings back: a key, or the prefixes the node serves after an approval. */
export type HeadscaleResult = { readonly authKey?: string; readonly serving?: readonly string[] };

/**
 * The queue with one more job. A job that waits already for the same asker, or about the same node, is replaced by the
 * newer one; the first may be in work and stays.
 */
export function queueJob(jobs: readonly HeadscaleJob[], job: HeadscaleJob): readonly HeadscaleJob[] {
  const same = (other: HeadscaleJob) =>
    other.type === job.type &&
    ("replyTo" in other
      ? "replyTo" in job && other.replyTo === job.replyTo
      : "name" in job && other.name === job.name);
  return [...jobs.filter((other, index) => index === 0 || !same(other)), job];
}

/** The server cannot be reached or is not ready: asking again later is right. */
export function isTransient({ code }: Failure): boolean {
  return code === "UNREACHABLE" || code === "UNAVAILABLE";
}

/** The server does not take our key, or there is none to show: only other credentials help. */
export function isRefusal({ code }: Failure): boolean {
  return ["UNAUTHORIZED", "FORBIDDEN", "CREDENTIALS_MISSING"].includes(code);
}
