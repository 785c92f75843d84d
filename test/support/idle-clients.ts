import { connect, type NetConnectOpts } from "node:net";

/**
 * A process of its own that holds connections and uses none: `node idle-clients.ts TARGET COUNT [UID]`, TARGET a port of 127.0.0.1
 * or a socket's path; it gives up root for UID. A third says nothing, a third never ends its headers, a third keeps its connection after an answer. What the server
 * closes it opens anew. Writes "ready" once COUNT connections stand, and ends with its stdin or by a signal.
 */
const [target = "", count = "0", uid] = process.argv.slice(2);
if (uid !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
const where: NetConnectOpts = target.startsWith("/")
  ? { path: target }
  : { host: "127.0.0.1", port: Number(target) };
const words = [
  "",
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
];
let standing = 0;

function hold(index: number): void {
  const socket = connect(where, () => {
    standing += 1;
    if (standing === Number(count)) process.stdout.write("ready\n");
  });
  const word = words[index % words.length] ?? "";
  if (word !== "") socket.write(word);
  // A busy server resets some.
  socket.on("error", () => undefined);
  socket.resume().on("close", () => setImmediate(hold, index));
}

for (let index = 0; index < Number(count); index += 1) hold(index);
// Started without a stdin (its end is there at once) it ends by a signal alone.
if (uid === undefined) process.stdin.resume().on("end", () => process.exit());
