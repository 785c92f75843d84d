import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { CliError } from "../cli-error.ts";

/** A port of 127.0.0.1 that leads to a page elsewhere. */
export interface LocalListener {
  /** Of the inspector's page. */
  readonly url: string;
  /** Ends the connections, too: the page holds its stream of events open for ever. */
  close(): void;
}

export interface ListenerOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Takes a connection over; it must destroy it in the end. */
  readonly carry: (incoming: Socket) => void;
  /** A connection was refused, because as many as are allowed were open. */
  readonly refused: () => void;
}

/** A browser opens six to one address; the page needs one for its stream and one more for what it asks. */
export const maxConnections = 8;

/** Throws CliError when the port cannot be opened. */
export async function openListener({ port, carry, refused }: ListenerOptions): Promise<LocalListener> {
  const connections = new Set<Socket>();
  const server = createServer((incoming) => {
    connections.add(incoming);
    incoming.once("close", () => connections.delete(incoming));
    // Whoever went away is no failure of ours.
    incoming.on("error", () => incoming.destroy());
    carry(incoming);
  });
  server.maxConnections = maxConnections;
  server.on("drop", refused);
  const close = () => {
    server.close();
    for (const connection of connections) connection.destroy();
  };
  await once(server.listen(port, "127.0.0.1"), "listening").catch((cause: NodeJS.ErrnoException) => {
    throw new CliError("FAILED", `127.0.0.1:${port} cannot be opened: ${cause.code}`, cause);
  });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${bound}/inspect`, close };
}
