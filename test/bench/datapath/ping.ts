import { spawn } from "node:child_process";
import { type CommandLine, run } from "../../lab/run-command.ts";
import { BenchError } from "../bench-error.ts";
import type { Path } from "./datapath-bench.ts";

const every10Ms = ["ping", "-n", "-i", "0.01"] as const;

/** Sends `count` pings 10 ms apart along a path and returns each round-trip time in microseconds. A lost one is an error. */
export async function measureRoundTrips(path: Path, count: number): Promise<readonly number[]> {
  const options = ["-W", "2", "-c", String(count), "-I", path.from.address] as const;
  const stdout = await run(path.from.enter([...every10Ms, ...options, path.to.address]), {
    timeoutMs: count * 10 + 10_000,
  });
  const times = [...stdout.matchAll(/ time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000);
  if (times.length === count) return times;
  throw new BenchError(
    "UNREADABLE_OUTPUT",
    `${times.length} of ${count} pings answered: ${stdout.slice(-400)}`,
  );
}

/** What a ping that ran beside something else sent and lost. */
export type PingTally = { readonly sent: number; readonly lost: number };

/**
 * Pings an address every 10 ms, for at most two minutes, until the returned function is called, which throws BenchError
 * UNREADABLE_OUTPUT if nothing was sent.
 */
export function pingUntilStopped(
  enter: (command: CommandLine) => CommandLine,
  address: string,
): () => Promise<PingTally> {
  const [program, ...args] = enter([...every10Ms, "-q", "-w", "120", address]);
  const ping = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  ping.stdout.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const ended = new Promise<void>((resolve, reject) => {
    ping.once("error", reject);
    ping.once("close", () => resolve());
  });
  return async () => {
    // SIGINT makes it print its summary (ping(8)).
    ping.kill("SIGINT");
    await ended;
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said.join("")) ?? [];
    if (Number(sent) > 0) return { sent: Number(sent), lost: Number(sent) - Number(received) };
    throw new BenchError("UNREADABLE_OUTPUT", `ping printed: ${said.join("")}`);
  };
}
