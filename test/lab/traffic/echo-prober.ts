import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { compileC } from "../build/compile-c.ts";
import { inNetns } from "../network/netns.ts";

/** One line of echo-prober.c. Times in ms since the epoch; a request has none of when it was sent. */
export type HeardEcho = {
  readonly kind: "answer" | "request";
  readonly from: string;
  readonly ttl: number;
  readonly sentMs: number;
  readonly atMs: number;
};

/** What to send: to each address one request per interval, all of one flow or each of a flow of its own. */
export type EchoProbe = {
  readonly netns: string;
  readonly addresses: readonly string[];
  readonly flows: "fixed" | "fresh";
  readonly intervalUs: number;
};

/** Sends until it is stopped; `stop` gives how many requests the kernel took. */
export interface EchoProber {
  stop(): Promise<number>;
}

/** Starts to send echo requests, and tells of each echo that comes to the namespace. */
export async function startEchoProber(
  { netns, addresses, flows, intervalUs }: EchoProbe,
  hear: (echo: HeardEcho) => void,
): Promise<EchoProber> {
  const compiled = await compileC(join(import.meta.dirname, "echo-prober.c"), []);
  const [program, ...args] = inNetns(netns, [compiled, flows, String(intervalUs), ...addresses]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let sent = 0;
  const read = createInterface({ input: child.stdout }).on("line", (line) => {
    const [kind = "", from = "", ttl, sentNs, atNs] = line.split(" ");
    if (kind === "sent") sent = Number(from);
    else if (kind === "answer" || kind === "request")
      hear({ kind, from, ttl: Number(ttl), sentMs: Number(sentNs) / 1e6, atMs: Number(atNs) / 1e6 });
  });
  const ended = Promise.all([
    new Promise((resolve) => child.once("close", resolve)),
    new Promise((resolve) => read.once("close", resolve)),
  ]);
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      return sent;
    },
  };
}
