import type { Socket } from "node:net";
import type { CniFailure, CniReply, CniRequest } from "../../protocol/cni-protocol.ts";
import { createFrameDecoder } from "../../protocol/frame-decoder.ts";
import { encodeFrame } from "../../protocol/frames.ts";
import { failureReply } from "../../protocol/reply.ts";
import { parseRequest } from "../../protocol/request-schema.ts";

export interface ConnectionListener {
  received(request: CniRequest): void;
  /** The client went away while its request was open. */
  closed(): void;
  /** The client sent what is no request; it was told so. */
  rejected(failure: CniFailure): void;
}

export interface ExchangeConnection {
  reply(reply: CniReply): void;
  /** Ends the connection unless its answer is already on its way. */
  cut(): void;
}

/**
 * One connection is one exchange: a frame in, a frame out, the end. A client that says nothing for `idleMs`, or does
 * not take its answer for so long, is cut off. Bytes after the frame are ignored. Ending one's side before the answer
 * counts as going away: the plugin keeps it open until it has read.
 */
export function serveConnection(
  socket: Socket,
  idleMs: number,
  listener: ConnectionListener,
): ExchangeConnection {
  const decoder = createFrameDecoder();
  let state: "reading" | "open" | "answered" = "reading";

  const answer = (reply: CniReply) => {
    state = "answered";
    socket.setTimeout(idleMs);
    const frame = encodeFrame(reply);
    // A reply that does not fit into a frame cannot come from our own results; the failure that says so does fit.
    const told = frame.ok ? frame : encodeFrame(failureReply(frame.failure));
    socket.end(told.ok ? told.value : "");
  };
  const reject = (failure: CniFailure) => {
    listener.rejected(failure);
    answer(failureReply(failure));
  };

  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on("data", (chunk) => {
    if (state !== "reading") return;
    const { frames, failure } = decoder.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    const [frame] = frames;
    if (frame === undefined) {
      if (failure !== undefined) reject(failure);
      return;
    }
    const request = parseRequest(frame);
    if (!request.ok) return reject(request.failure);
    state = "open";
    // From here on the request's own deadline counts.
    socket.setTimeout(0);
    listener.received(request.value);
  });
  const leave = () => {
    if (state !== "open") return;
    state = "answered";
    listener.closed();
  };
  socket.on("end", leave);
  socket.on("close", leave);
  socket.on("error", () => socket.destroy());

  return {
    reply: (reply) => {
      if (state === "open") answer(reply);
    },
    cut: () => {
      if (state !== "answered") socket.destroy();
    },
  };
}
