import { spawn } from "node:child_process";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildStub } from "../../cni/build.ts";
import type { CniRequest } from "../../src/protocol/cni-protocol.ts";
import { toolchainUnderTest } from "../support/architecture-under-test.ts";
import { type DaemonScript, react } from "./scripted-daemon.ts";

/** How one run of the ELF ended. */
export interface StubRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Builds the ELF of the architecture under test. */
export async function stubUnderTest(): Promise<string> {
  return await buildStub(undefined, toolchainUnderTest.architecture);
}

/** Runs the ELF with exactly this environment. `stdin` undefined: nothing is written and it stays open. */
export async function runStub(
  stub: string,
  env: Readonly<Record<string, string>>,
  stdin: string | Uint8Array | undefined,
): Promise<StubRun> {
  const startedAt = performance.now();
  const [program = stub, ...args] = [...toolchainUnderTest.emulator, stub];
  const child = spawn(program, args, { env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // The stub may end before it has read all; that is not what a test is about.
  child.stdin.on("error", () => {});
  if (stdin !== undefined) child.stdin.end(stdin);
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.destroy();
  return { exitCode, stdout, stderr, elapsedMs: performance.now() - startedAt };
}

/** A directory with the daemon's socket in it and a scripted daemon behind it. */
export interface RealDaemon {
  readonly runtimeDir: string;
  readonly socketPath: string;
  readonly requests: CniRequest[];
  readonly connections: () => number;
  /** Changes what later connections meet; the socket stays as it is. */
  readonly become: (script: DaemonScript) => void;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Starts a real server on a real socket that behaves as the script says. */
export async function startDaemon(first: DaemonScript): Promise<RealDaemon> {
  let script = first;
  const runtimeDir = await mkdtemp(join(tmpdir(), "headcni-stub-"));
  const socketPath = join(runtimeDir, "cni.sock");
  const requests: CniRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!received.includes("\n")) return;
      const { bytes } = react(script, received, requests);
      if (bytes !== undefined) socket.end(bytes);
    });
    socket.on("error", () => socket.destroy());
  });
  if (script.kind === "away") await leaveServingFile(runtimeDir, script.servedMsAgo);
  else await listen(server, socketPath);
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(runtimeDir, { recursive: true, force: true });
  };
  const become = (next: DaemonScript): void => {
    script = next;
  };
  return {
    runtimeDir,
    socketPath,
    requests,
    connections: () => connections,
    become,
    [Symbol.asyncDispose]: stop,
  };
}

async function listen(server: Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
}

async function leaveServingFile(runtimeDir: string, servedMsAgo: number | undefined): Promise<void> {
  if (servedMsAgo === undefined) return;
  const file = join(runtimeDir, "serving");
  await writeFile(file, "");
  const servedAt = (Date.now() - servedMsAgo) / 1000;
  await utimes(file, servedAt, servedAt);
}
