import { once } from "node:events";
import { createServer, type ListenOptions, type Server } from "node:net";

export interface ScriptedServer {
  readonly server: Server;
  /** What every request is answered with from now on. */
  answerWith(input: Buffer): void;
  close(): void;
}

/**
 * An HTTP server that answers every request alike: an input that begins with a status on a line of its own is that status and a body,
 * any other is all that is sent. The connection ends with the answer.
 */
export async function openScriptedServer(where: ListenOptions): Promise<ScriptedServer> {
  let answer: Buffer = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answer));
    // What comes after the headers is read, or the end would be a reset.
    socket.resume();
  });
  server.listen(where);
  await once(server, "listening");
  return {
    server,
    answerWith(input) {
      const status = /^[1-5]\d\d\n/.exec(input.toString("latin1", 0, 4))?.[0].trim();
      if (status === undefined) {
        answer = input;
        return;
      }
      const body = input.subarray(4);
      const head = `HTTP/1.1 ${status} Said\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
      answer = Buffer.concat([Buffer.from(head), body]);
    },
    close: () => server.close(),
  };
}

/** Words of HTTP itself. */
export const httpWords = [
  ...[
    "200\n",
    "404\n",
    "500\n",
    "204\n",
    "304\n",
    "101\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200\r\n",
    "\r\n\r\n",
  ],
  ...[
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999\r\n",
    "0\r\n\r\n",
  ],
  ...["HTTP/1.1 100 Continue\r\n\r\n", "Connection: Upgrade\r\nUpgrade: x\r\n", "Content-Encoding: gzip\r\n"],
];
