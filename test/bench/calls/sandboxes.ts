import { listNetns, netnsPath } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";

/** A network namespace as a container runtime makes it for a pod: empty. */
export type Sandbox = { readonly name: string; readonly path: string };

/** Makes `count` empty namespaces whose names start with `prefix`. */
export async function makeSandboxes(prefix: string, count: number): Promise<readonly Sandbox[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  await batch(names.map((name) => `netns add ${name}`));
  return names.map((name) => ({ name, path: netnsPath(name) }));
}

/** Removes every namespace whose name starts with `prefix`. */
export async function removeSandboxes(prefix: string): Promise<void> {
  await batch((await listNetns(prefix)).map((name) => `netns del ${name}`));
}

async function batch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
