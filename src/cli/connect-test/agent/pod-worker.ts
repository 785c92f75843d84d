import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import * as z from "zod";
import { openKernel } from "../../../adapters/netlink/open-kernel.ts";
import { ConnectTestError } from "./connect-test-error.ts";
import { answerJsonLines } from "./json-lines.ts";

const echoInput = z.object({
  source: z.string(),
  destination: z.string(),
  bytes: z.int(),
  timeoutMs: z.int(),
});
const listenInput = z.object({ address: z.string() });
const sendInput = z.object({ address: z.string(), port: z.int(), milliseconds: z.int() });

const connectMs = 5000;
const piece = Buffer.alloc(256 * 1024);

/**
 * The process inside a test pod: echoes, and one TCP connection after another that counts bytes. It listens on the pod's address and
 * an ephemeral port, for one connection a question, and ends when its stdin does.
 */
export async function runPodWorker(): Promise<void> {
  const kernel = await openKernel({ onFailure: () => process.exit(1) });
  let server: Server | undefined;
  let counted = 0;
  await answerJsonLines(process.stdin, process.stdout, {
    echo: async (input) => {
      const { source, destination, bytes, timeoutMs } = echoInput.parse(input);
      return await kernel.state.echo(source, destination, timeoutMs, bytes);
    },
    listen: async (input) => {
      const { address } = listenInput.parse(input);
      server?.close();
      counted = 0;
      server = createServer((socket) => {
        socket.on("data", (data) => {
          counted += data.length;
        });
        socket.on("error", () => undefined);
      });
      server.maxConnections = 1;
      server.listen(0, address);
      await once(server, "listening");
      const bound = server.address();
      if (bound === null || typeof bound === "string")
        throw new ConnectTestError("no port", { code: "REFUSED" });
      return { port: bound.port };
    },
    counted: async () => {
      server?.close();
      return { bytes: counted };
    },
    send: async (input) => await send(sendInput.parse(input)),
  });
  server?.close();
  await kernel.close();
}

/** Writes for the given time and waits until the other side has taken all; bytes and how long that took. */
async function send({ address, port, milliseconds }: z.output<typeof sendInput>) {
  const socket = connect({ host: address, port, timeout: connectMs });
  socket.on("timeout", () => socket.destroy(new Error("nothing is taken any more")));
  await once(socket, "connect");
  const startedAt = performance.now();
  while (performance.now() - startedAt < milliseconds) {
    if (!socket.write(piece)) await once(socket, "drain");
  }
  socket.end();
  await once(socket, "close");
  return { bytes: socket.bytesWritten, milliseconds: performance.now() - startedAt };
}
