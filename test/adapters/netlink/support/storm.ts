import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { namespacePath } from "./test-namespaces.ts";

/** What a killed storm had said by then, as sets of container ids. */
export interface StormRecord {
  /** Answered success and never asked to be released. */
  readonly standing: readonly string[];
  /** The release answered success. */
  readonly released: readonly string[];
}

/** Lets a process attach and detach in `node` and kills it after `lifeMs`. */
export async function killedStorm(node: string, pod: string, lifeMs: number): Promise<StormRecord> {
  const entry = fileURLToPath(new URL("./storm-process.ts", import.meta.url));
  const child = spawn("nsenter", [`--net=${namespacePath(node)}`, process.execPath, entry, pod], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  const closed = once(child, "close");
  const opened = new Promise<void>((resolve) => {
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.startsWith("opened")) resolve();
    });
  });
  await Promise.race([opened, closed]);
  await delay(lifeMs);
  child.kill("SIGKILL");
  await closed;
  const ids = (verb: string): Set<string> =>
    new Set([...said.matchAll(new RegExp(`^${verb} (\\d+)$`, "gm"))].map(([, id]) => `container-${id}`));
  const detaching = ids("detaching");
  return {
    standing: [...ids("attached")].filter((id) => !detaching.has(id)),
    released: [...ids("detached")],
  };
}
