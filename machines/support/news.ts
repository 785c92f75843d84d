import type { CniReply, CniRequest } from "../../src/protocol/cni-protocol.ts";
import type { FailureNews } from "./keep-failure.ts";

/** What becomes of a CNI call; `callId` names its exchange. */
type CallNews =
  | { readonly type: "call.received"; readonly callId: string; readonly request: CniRequest }
  /** It waits for something that no machine of its own shows. */
  | { readonly type: "call.queued"; readonly callId: string; readonly why: string }
  /** It waits no more. */
  | { readonly type: "call.started"; readonly callId: string }
  | { readonly type: "call.answered"; readonly callId: string; readonly reply: CniReply }
  /** Its client went away before the answer. */
  | { readonly type: "call.abandoned"; readonly callId: string };

/** The kernel answers for these addresses of a new attachment. */
interface AddressNews {
  readonly type: "addresses.assigned";
  readonly addresses: readonly string[];
}

/** These attachments, by key, stand no more: a DEL or a GC came, or their sandbox is gone. */
interface AttachmentNews {
  readonly type: "attachments.ended";
  readonly keys: readonly string[];
}

/**
 * Everything that machines emit for metrics and traces (`types.emitted` of their set-up). No machine hears it.
 */
export type News = CallNews | AddressNews | AttachmentNews | FailureNews;
