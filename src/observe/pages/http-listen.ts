import { once } from "node:events";
import { unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { connect, type ListenOptions } from "node:net";
import { hostAndPort } from "../../domain/addresses/host-and-port.ts";
import { HttpServerError } from "./http-server-error.ts";

/** Listens on the address; resolves with the port. Throws HttpServerError. */
export async function listenOnTcp(server: Server, address: string, port: number): Promise<number> {
  const where = hostAndPort(address, port);
  await listen(server, { host: address, port, exclusive: true }, where);
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}

/**
 * Listens on a unix socket that only root may connect to. A socket that a dead process left is replaced; one that
 * still answers is not ours to take (ADDRESS_TAKEN).
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (await answers(path)) throw taken(path, "EADDRINUSE");
  try {
    unlinkSync(path);
  } catch {
    // Absent is right; anything else makes listen() fail with its reason.
  }
  // The socket file is made inside listen(), before it returns: no moment in which others could connect.
  const before = process.umask(0o177);
  const listening = listen(server, { path }, path);
  process.umask(before);
  await listening;
}

async function listen(server: Server, options: ListenOptions, where: string): Promise<void> {
  server.listen(options);
  await once(server, "listening").catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code ?? "UNKNOWN";
    if (reason === "EADDRINUSE") throw taken(where, reason);
    const detail = { code: "ADDRESS_UNUSABLE", address: where, reason } as const;
    throw new HttpServerError(`cannot listen on ${where}: ${reason}`, detail, { cause });
  });
  // accept() can fail later (EMFILE); the daemon continues without that connection.
  server.on("error", () => undefined);
}

function taken(address: string, reason: string): HttpServerError {
  return new HttpServerError(
    `${address} is in use by another process: stop it, or change monitoring.port or runtimeDir`,
    { code: "ADDRESS_TAKEN", address, reason },
  );
}

async function answers(path: string): Promise<boolean> {
  const connection = connect(path);
  const answered = once(connection, "connect").then(
    () => true,
    () => false,
  );
  return await answered.finally(() => connection.destroy());
}
