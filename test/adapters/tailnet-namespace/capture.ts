import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { CommandLine } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";

export interface Capture {
  /** What tcpdump printed so far, one line a packet. */
  lines(): readonly string[];
  stop(): Promise<readonly string[]>;
}

/** Listens on an interface; `enter` leads into the namespace. Returns once tcpdump listens. */
export async function capture(enter: CommandLine, link: string, filter: string): Promise<Capture> {
  const [program, ...args] = [...enter, "tcpdump", "--immediate-mode", "-n", "-v", "-l", "-i", link, filter];
  const child = spawn(program as string, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let listening = false;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line !== "") lines.push(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (line.includes("listening on")) listening = true;
  });
  await until(() => listening, `tcpdump listens on ${link}`);
  return {
    lines: () => lines,
    stop: async () => {
      child.kill("SIGINT");
      await until(() => child.exitCode !== null || child.signalCode !== null, "tcpdump ends");
      return lines;
    },
  };
}
