import { spawn } from "node:child_process";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { inNetns } from "../../lab/network/netns.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** A TCP port on loopback here that leads to a server inside a network namespace. */
export type Tunnel = { readonly url: string; close(): Promise<void> };

/** Runs inside the namespace: each connection to the unix socket becomes one to HOST PORT. */
const relay = `
const net = require("node:net");
const [socketPath, host, port] = process.argv.slice(1);
net.createServer((near) => {
  const far = net.connect(Number(port), host);
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
  near.pipe(far).pipe(near);
}).listen(socketPath);
`;

export async function openTunnel(netns: string, folder: string, to: URL): Promise<Tunnel> {
  const socketPath = join(folder, "tunnel.sock");
  const command = [process.execPath, "-e", relay, socketPath, to.hostname, to.port] as const;
  const [program, ...args] = inNetns(netns, [...command]);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const connections = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectTo(socketPath);
    for (const socket of [near, far]) connections.add(socket.once("close", () => connections.delete(socket)));
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await waitUntil(() => reaches(socketPath), {
    what: "the relay in the namespace",
    timeoutMs: 10_000,
    everyMs: 20,
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}

function reaches(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo(socketPath);
    socket
      .once("error", () => resolve(false))
      .once("connect", () => {
        socket.destroy();
        resolve(true);
      });
  });
}
