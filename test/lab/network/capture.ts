import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../lab-types.ts";
import { type CommandLine, run } from "../run-command.ts";
import { inNetns } from "./netns.ts";
import { bridgeName } from "./underlay.ts";

/** A running capture of one link. */
export type Capture = {
  /** Ends the capture and returns one line per packet that matches a pcap-filter(7) expression. */
  readonly stop: (filter: string) => Promise<readonly string[]>;
};

/** Captures everything that crosses the underlay's bridge; returns once tcpdump listens. */
export async function captureUnderlay(lab: Lab): Promise<Capture> {
  // The bridge in promiscuous mode (tcpdump's default) is handed every frame that it forwards.
  return await captureLink(lab, lab.netns, bridgeName);
}

/** Captures everything that crosses a link of one of the lab's namespaces; returns once tcpdump listens. */
export async function captureLink(lab: Lab, netns: string, link: string): Promise<Capture> {
  return await captureIn(lab, (command) => inNetns(netns, command), link);
}

/** The same in any namespace, by what makes a command line run there. */
export async function captureIn(
  lab: Lab,
  enter: (command: CommandLine) => CommandLine,
  link: string,
): Promise<Capture> {
  const folder = await mkdtemp(join(lab.folder, "capture-"));
  const file = join(folder, "link.pcap");
  const listen = ["tcpdump", "--immediate-mode", "-i", link, "-n", "-U", "-s", "128", "-w", file] as const;
  const [program, ...args] = enter(listen);
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
