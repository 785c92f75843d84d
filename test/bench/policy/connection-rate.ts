import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { compileC } from "../../lab/build/compile-c.ts";
import { run } from "../../lab/run-command.ts";
import type { Path } from "../datapath/datapath-bench.ts";

/** TCP connections that one client opens along a path in a second, one after another, over `seconds`. */
export async function measureConnections(
  { from, to }: Pick<Path, "from" | "to">,
  seconds: number,
): Promise<number> {
  const program = await compileC(join(import.meta.dirname, "connection-rate.c"), []);
  const [serve, ...args] = to.enter([program, "serve"]);
  const server = spawn(serve, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "close");
  try {
    await once(server.stdout, "data");
    const connect = from.enter([program, "connect", to.address, String(seconds)]);
    return Number(await run(connect, { timeoutMs: seconds * 1000 + 30_000 })) / seconds;
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}
