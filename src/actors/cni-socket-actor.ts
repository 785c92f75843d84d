import { fromCallback } from "xstate";
import type { CniSocketCommand, CniSocketEvent } from "../../machines/cni/cni-events.ts";
import { toFailure } from "../domain/failure.ts";
import type { CniExchanges, OpenCniExchanges } from "../ports/cni-exchanges.ts";

/** The socket of the `cni` machine over the exchanges port. `nowMs` is the time since the epoch. */
export function cniActors(exchanges: CniExchanges, nowMs: () => number) {
  const socket = fromCallback<CniSocketCommand, undefined>(({ sendBack, receive, self }) => {
    let open: OpenCniExchanges | undefined;
    let ended = false;
    const tell = (event: CniSocketEvent) => sendBack(event);
    const fail = (error: unknown) => tell({ type: "socket.failed", failure: toFailure(error) });
    receive((command) => {
      if (command.type === "exchange.reply") open?.reply(command.exchangeId, command.reply);
      else open?.stopAccepting();
    });
    exchanges
      .open({
        received: (exchangeId, request) =>
          tell({ type: "request.received", exchangeId, request, atMs: nowMs(), replyTo: self }),
        closed: (exchangeId) => tell({ type: "exchange.closed", exchangeId }),
        failed: fail,
      })
      .then((opened) => {
        open = opened;
        if (ended) opened.close();
        else tell({ type: "socket.listening" });
      })
      .catch(fail);
    return () => {
      ended = true;
      open?.close();
    };
  });
  return { socket };
}
