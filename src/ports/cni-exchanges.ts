import type { HeadcniError } from "../domain/failure.ts";
import type { CniReply, CniRequest } from "../protocol/cni-protocol.ts";

export type CniExchangesFailure =
  /** Something answers on the socket: another daemon serves this node. */
  | { readonly code: "SOCKET_IN_USE"; readonly path: string }
  | { readonly code: "SOCKET_FAILED"; readonly path: string; readonly text: string };
export type CniExchangesError = HeadcniError<CniExchangesFailure>;

/** Calls of CNI plugins as they come in: over the socket, or from DELs that the plugin put on record while nobody listened. */
export interface CniExchanges {
  /**
   * Starts listening; resolves when plugins can connect. From then on each call is one exchange: `received` once, then
   * either `reply` from here or `closed` from there. Throws CniExchangesError.
   */
  open(listener: CniExchangeListener): Promise<OpenCniExchanges>;
}

export interface CniExchangeListener {
  /** `exchangeId` is different for every exchange of the process. */
  received(exchangeId: string, request: CniRequest): void;
  /** The plugin went away before its answer. */
  closed(exchangeId: string): void;
  /** Listening ended by itself. */
  failed(error: CniExchangesError): void;
}

export interface OpenCniExchanges {
  /** Answers an exchange; one that is not open is ignored. */
  reply(exchangeId: string, reply: CniReply): void;
  /** Takes no new calls; those that are open can still be answered. */
  stopAccepting(): void;
  /** Ends at once; what was answered still reaches its plugin, what was not is cut off. */
  close(): void;
}
