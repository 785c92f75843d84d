import type { LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";

/**
 * Gives every link of a node one value of a sysctl while `work` runs, as a careless administrator would: `name` is
 * "net/ipv4/conf/*\/rp_filter". What the guard holds it may write back at any time.
 */
export async function withSysctl<T>(
  node: LabNode,
  name: string,
  value: string,
  work: () => Promise<T>,
): Promise<T> {
  const sh = (script: string) => run(inNetns(node.netns, ["sh", "-c", script]));
  const before = await sh(`cd /proc/sys && grep -H . ${name} || true`);
  // Links come and go meanwhile.
  const write = (pairs: readonly (readonly [string, string])[]) =>
    sh(pairs.map(([file, to]) => `echo ${to} 2>/dev/null >/proc/sys/${file} || true`).join("\n"));
  const present = before
    .trim()
    .split("\n")
    .map((line) => line.split(":"))
    .map(([file = "", old = ""]) => [file, old] as const);
  await write(present.map(([file]) => [file, value]));
  try {
    return await work();
  } finally {
    await write(present);
  }
}
