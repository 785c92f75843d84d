import { spawn } from "node:child_process";
import * as z from "zod";
import { run } from "../../lab/run-command.ts";
import { BenchError } from "../bench-error.ts";
import type { Path } from "./datapath-bench.ts";

const port = "5301";

const reportSchema = z.object({
  end: z.object({
    sum_sent: z.object({ retransmits: z.number().default(0) }),
    sum_received: z.object({ bits_per_second: z.number() }),
  }),
});

/** Sends one TCP stream along a path for `seconds` (iperf3) and returns what the receiver got. */
export async function measureThroughput(
  path: Path,
  seconds: number,
): Promise<{ readonly megabitsPerSecond: number; readonly retransmits: number }> {
  const server = await startServer(path);
  try {
    const target = ["-c", path.to.address, "-B", path.from.address, "-p", port] as const;
    const stdout = await run(path.from.enter(["iperf3", ...target, "-t", String(seconds), "-J"]), {
      timeoutMs: seconds * 1000 + 15_000,
    });
    const { end } = reportSchema.parse(JSON.parse(stdout));
    return {
      megabitsPerSecond: end.sum_received.bits_per_second / 1e6,
      retransmits: end.sum_sent.retransmits,
    };
  } finally {
    server.kill("SIGKILL");
  }
}

/** Starts a server for one connection and waits until it listens. */
async function startServer(path: Path): Promise<{ kill(signal: NodeJS.Signals): boolean }> {
  const serve = ["iperf3", "-s", "-1", "-B", path.to.address, "-p", port, "--forceflush"] as const;
  const [program, ...args] = path.to.enter(serve);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    const said: string[] = [];
    const read = (chunk: Buffer) => {
      said.push(chunk.toString());
      if (said.join("").includes("Server listening")) resolve();
    };
    server.stdout.on("data", read);
    server.stderr.on("data", read);
    server.once("error", reject);
    server.once("exit", () => reject(new BenchError("UNREADABLE_OUTPUT", `iperf3 ended: ${said.join("")}`)));
  });
  return server;
}
