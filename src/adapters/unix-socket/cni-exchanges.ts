import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { tryAgain } from "../../domain/attachment/cni-failure.ts";
import type { CniExchangeListener, CniExchanges, OpenCniExchanges } from "../../ports/cni-exchanges.ts";
import type { CniFailure } from "../../protocol/cni-protocol.ts";
import { encodeFrame } from "../../protocol/frames.ts";
import { failureReply } from "../../protocol/reply.ts";
import { servingFile } from "../../protocol/runtime-files.ts";
import { UnixSocketError } from "./cni-exchanges-error.ts";
import { type DeletedSpool, openDeletedSpool } from "./deleted-spool.ts";
import { type ExchangeConnection, serveConnection } from "./exchange-connection.ts";
import { listenOnPath } from "./listen-on-path.ts";

export interface CniExchangesOptions {
  /** Holds `cni.sock`, the spool `deleted/` and the file `serving`. */
  readonly runtimeDir: string;
  /** Told of everything that was refused because it is no request, for the log. */
  readonly rejected: (where: string, failure: CniFailure) => void;
  /** A connection without a request ends after this time. */
  readonly idleMs?: number;
  readonly maxConnections?: number;
  /** How often the serving file is touched and the spool looked through. */
  readonly roundMs?: number;
}

/** CNI calls over `<runtimeDir>/cni.sock` and out of the spool of DELs. */
export function createCniExchanges(options: CniExchangesOptions): CniExchanges {
  // Ids go on over reopenings: an answer for an old socket must never meet an exchange of the new one.
  let lastId = 0;
  const nextId = () => {
    lastId += 1;
    return `x${lastId}`;
  };
  return { open: (listener) => openExchanges(options, listener, nextId) };
}

async function openExchanges(
  { runtimeDir, rejected, idleMs = 10_000, maxConnections = 256, roundMs = 15_000 }: CniExchangesOptions,
  listener: CniExchangeListener,
  nextId: () => string,
): Promise<OpenCniExchanges> {
  /** Every connection; undefined for one that was turned away. */
  const connections = new Map<Socket, ExchangeConnection | undefined>();
  const open = new Map<string, ExchangeConnection>();
  const replayed = new Map<string, string>();
  let accepting = true;
  let spool: DeletedSpool | undefined;

  const serve = (socket: Socket) => {
    connections.set(socket, undefined);
    socket.on("close", () => connections.delete(socket));
    if (connections.size > maxConnections) {
      turnAway(socket, idleMs);
      return;
    }
    const id = nextId();
    const connection = serveConnection(socket, idleMs, {
      received(request) {
        if (!accepting) {
          socket.destroy();
          return;
        }
        open.set(id, connection);
        if (request.command === "ADD") spool?.drop(request.containerId, request.ifname);
        listener.received(id, request);
      },
      closed() {
        if (open.delete(id)) listener.closed(id);
      },
      rejected: (failure) => rejected("cni.sock", failure),
    });
    connections.set(socket, connection);
  };

  mkdirSync(runtimeDir, { recursive: true, mode: 0o700 });
  const server = createServer(serve);
  const path = join(runtimeDir, "cni.sock");
  const removePath = await listenOnPath(server, path);
  server.on("error", (cause) => {
    const text = cause.message;
    listener.failed(
      new UnixSocketError(`${path}: ${text}`, { code: "SOCKET_FAILED", path, text }, { cause }),
    );
  });
  // Only now: a plugin that finds nobody writes its DEL first and then connects once more.
  spool = openDeletedSpool(runtimeDir, {
    found(file, request) {
      if (!accepting) return;
      const id = nextId();
      replayed.set(id, file);
      listener.received(id, request);
    },
    rejected: (file, failure) => rejected(`deleted/${file}`, failure),
  });
  const round = setInterval(() => {
    touch(servingFile(runtimeDir));
    spool?.scan();
  }, roundMs);
  touch(servingFile(runtimeDir));
  // After the caller knows that it listens.
  setImmediate(() => spool?.scan());

  return {
    reply(exchangeId, reply) {
      open.get(exchangeId)?.reply(reply);
      open.delete(exchangeId);
      const file = replayed.get(exchangeId);
      if (file === undefined) return;
      replayed.delete(exchangeId);
      if (reply.ok) spool?.done(file);
      else spool?.failed(file);
    },
    stopAccepting() {
      accepting = false;
      removePath();
      server.close();
    },
    close() {
      accepting = false;
      clearInterval(round);
      spool?.close();
      removePath();
      server.close();
      open.clear();
      for (const connection of connections.values()) connection?.cut();
    },
  };
}

/** A connection too many is told so at once. */
function turnAway(socket: Socket, idleMs: number): void {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  // Its request has to be taken out of the stream, or the client's end is never seen and the connection counts for ever.
  socket.resume();
  const frame = encodeFrame(
    failureReply(tryAgain("too many plugins are connected already", "The runtime may repeat the call.")),
  );
  socket.end(frame.ok ? frame.value : "");
}

/** STATUS of the plugin reads this file's age when it meets no daemon (runtime-files.ts); failing to write costs only that. */
function touch(path: string): void {
  const now = new Date();
  try {
    writeFileSync(path, "");
    utimesSync(path, now, now);
  } catch {
    // A full disk must not end the service.
  }
}
