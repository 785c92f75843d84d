/**
 * One end of probes, in the namespace of its process: listens on all ports that it is given as arguments, TCP and UDP, both families, and
 * tells its parent of each datagram that comes. Sends what it is told to, and tells of each connection that stands. On one processor the kernel is
 * done with a packet before the process goes on, so what it has not told of when it answers `settle` did not come.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export type ToProbeProcess = { readonly probes: readonly SocketProbe[] } | { readonly settle: true };
export type FromProbeProcess =
  | { readonly passed: number }
  /** All that it was told to send is in the kernel. */
  | { readonly sent: true }
  | { readonly settled: true }
  | { readonly listening: true };

export interface SocketProbe {
  readonly id: number;
  readonly source: string;
  readonly destination: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

const ports = process.argv.slice(2).map(Number);
const connecting: Socket[] = [];
const tell = (message: FromProbeProcess) => process.send?.(message);

for (const port of ports) {
  const server = createServer((socket) =>
    socket
      .on("error", () => undefined)
      .resume()
      .end(),
  );
  server.listen(port, "::");
  await once(server, "listening");
  const datagrams = createSocket({ type: "udp6", ipv6Only: false });
  datagrams.on("message", (data) => tell({ passed: data.readUInt32BE(0) }));
  datagrams.bind(port, "::");
  await once(datagrams, "listening");
}

process.on("message", async (message: ToProbeProcess) => {
  if ("probes" in message) {
    await Promise.all(message.probes.map(send));
    tell({ sent: true });
  } else
    setImmediate(() =>
      setImmediate(() => {
        // Each would send its SYN again, and later rules may let that pass.
        for (const socket of connecting.splice(0)) socket.destroy();
        tell({ settled: true });
      }),
    );
});
process.on("disconnect", () => process.exit());
tell({ listening: true });

function send({ id, source, destination, protocol, port }: SocketProbe): Promise<unknown> {
  if (protocol === "tcp") {
    const socket = connect({ host: destination, port, localAddress: source });
    connecting.push(socket);
    socket.on("error", () => undefined);
    socket.once("connect", () => {
      tell({ passed: id });
      socket.destroy();
    });
    // connect(2) is called in the next tick.
    return new Promise((resolve) => setImmediate(resolve));
  }
  const socket = createSocket(destination.includes(":") ? "udp6" : "udp4");
  const data = Buffer.alloc(4);
  data.writeUInt32BE(id, 0);
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.bind(0, source, () => socket.send(data, port, destination, () => socket.close()));
  return closed;
}
