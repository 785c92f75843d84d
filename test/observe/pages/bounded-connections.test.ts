import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { boundConnections } from "../../../src/observe/pages/bounded-connections.ts";
import { until } from "../../support/until.ts";

/** A server that holds three connections and answers when it is told to. */
async function bounded(): Promise<{ server: Server; dial: () => Promise<Socket>; held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  const server = createServer((_request, response) => void held.push(response));
  boundConnections(server, 3);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const dial = async () => {
    const accepted = once(server, "connection");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").resume();
    socket.on("error", () => undefined);
    await accepted;
    return socket;
  };
  return { server, dial, held };
}

const closed = (socket: Socket) => until(() => socket.closed, "the connection to be closed");
const asking = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

test("for one more connection the one that has waited longest goes, also with half its headers sent", async () => {
  const { dial } = await bounded();
  const first = await dial();
  first.write("GET / HTTP/1.1\r\nX-Slow: ");
  const others = [await dial(), await dial(), await dial()];
  await closed(first);
  expect(others.map(({ closed: gone }) => gone)).toEqual([false, false, false]);
});

test("one that has an exchange stays while another waits for a request", async () => {
  const { dial, held } = await bounded();
  const busy = await dial();
  busy.write(asking);
  await until(() => held.length === 1, "the request");
  const idle = await dial();
  await dial();
  await dial();
  await closed(idle);
  expect(busy.closed).toBe(false);
});

test("one whose exchange is over waits again, behind those that waited before it", async () => {
  const { dial, held } = await bounded();
  const once = await dial();
  once.write(asking);
  const response = await until(() => held[0], "the request");
  const idle = await dial();
  await new Promise((resolve) => response.once("close", resolve).end());
  await dial();
  await dial();
  await closed(idle);
  expect(once.closed).toBe(false);
  await dial();
  await dial();
  await closed(once);
});

test("where each has an exchange, the longest one ends", async () => {
  const { dial, held } = await bounded();
  const busy: Socket[] = [];
  for (let count = 1; count <= 3; count += 1) {
    const socket = await dial();
    socket.write(asking);
    await until(() => held.length === count, "the request");
    busy.push(socket);
  }
  const last = await dial();
  await closed(busy[0] as Socket);
  expect([...busy.slice(1), last].map(({ closed: gone }) => gone)).toEqual([false, false, false]);
});

test("what its clients closed themselves takes no place", async () => {
  const { server, dial } = await bounded();
  const first = await dial();
  const open = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  for (let count = 0; count < 5; count += 1) {
    const socket = await dial();
    socket.destroy();
    await until(async () => (await open()) === 1, "the server to see it go");
  }
  await dial();
  await dial();
  expect(first.closed).toBe(false);
});
