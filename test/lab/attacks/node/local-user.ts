import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { LabError } from "../../lab-error.ts";
import type { LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";

/** Users by their number: root, and one without rights (nobody of most systems). */
export const users = { root: 0, nobody: 65_534 } as const;
type User = keyof typeof users;

/**
 * What a user on a node can open, by path: "open", or the errno. A path is a socket to connect to or a folder to list; one that is not
 * there is an error.
 */
export async function reachedBy(
  user: User,
  node: LabNode,
  paths: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const script = join(import.meta.dirname, "local-user-process.ts");
  return JSON.parse(
    await run(inNetns(node.netns, [process.execPath, script, String(users[user]), ...paths])),
  );
}

/**
 * While `work` runs, a user without rights holds so many connections to a port of the node's loopback and asks for nothing. Throws
 * LabError NOT_READY when they do not come to stand.
 */
export async function whileIdle<T>(
  node: LabNode,
  { port, count }: { readonly port: string; readonly count: number },
  work: () => Promise<T>,
): Promise<T> {
  const script = join(import.meta.dirname, "..", "..", "..", "support", "idle-clients.ts");
  const words = [process.execPath, script, port, String(count), String(users.nobody)] as const;
  const [program, ...args] = inNetns(node.netns, words);
  const clients = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(clients, "close");
  try {
    const first = await Promise.race([
      once(clients.stdout, "data", { signal: AbortSignal.timeout(standMs) }),
      closed,
    ]).catch((cause: unknown) => {
      throw new LabError("NOT_READY", `${count} connections to ${node.name} do not stand`, { cause });
    });
    if (String(first[0]).trim() !== "ready")
      throw new LabError("NOT_READY", `the program that holds connections to ${node.name} ended`);
    return await work();
  } finally {
    clients.kill("SIGKILL");
    await closed;
  }
}

const standMs = 120_000;
