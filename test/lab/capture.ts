import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "./lab-types.ts";
import { inNetns } from "./netns.ts";
import { run } from "./run-command.ts";
import { bridgeName } from "./underlay.ts";

/** A running capture of the underlay. */
export type Capture = {
  /** Ends the capture and returns one line per packet that matches a pcap-filter(7) expression. */
  readonly stop: (filter: string) => Promise<readonly string[]>;
};

/** Captures everything that crosses the underlay's bridge; returns once tcpdump listens. */
export async function captureUnderlay(lab: Lab): Promise<Capture> {
  const folder = await mkdtemp(join(lab.folder, "capture-"));
  const file = join(folder, "underlay.pcap");
  // The bridge in promiscuous mode (tcpdump's default) is handed every frame that it forwards.
  const listen = [
    "tcpdump",
    "--immediate-mode",
    "-i",
    bridgeName,
    "-n",
    "-U",
    "-s",
    "128",
    "-w",
    file,
  ] as const;
  const [program, ...args] = inNetns(lab.netns, [...listen]);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  const closed = new Promise((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("listening on")) resolve();
    });
    closed.then(() => reject(new Error("tcpdump ended by itself")));
  });
  return {
    stop: async (filter) => {
      child.kill("SIGINT");
      await closed;
      const printed = await run(["tcpdump", "-n", "-r", file, filter]);
      await rm(folder, { recursive: true, force: true });
      return printed.split("\n").filter((line) => line !== "");
    },
  };
}
