import { spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Failure } from "../../domain/failure.ts";
import { resolverCommand } from "../tailscale/resolver-command.ts";

const nodeDescriptor = 3;

/**
 * Runs headcni-resolver for these addresses, in the network namespace of the calling thread, and with our own output: it ends with
 * this process, which holds the other end of its stdin. `node` is a descriptor of the node's namespace, and stays open. `ended` is
 * called once. Returns the way to end it.
 */
export function launchResolver(
  addresses: readonly string[],
  { node, sysctlDir }: { readonly node: number; readonly sysctlDir: string },
  ended: (failure: Failure) => void,
): () => void {
  const [program, ...args] = resolverCommand(addresses, { nodeDescriptor, sysctlDir });
  const child = spawn(program, args, { stdio: ["pipe", "inherit", "inherit", node], cwd: "/" });
  const { promise, resolve } = Promise.withResolvers<string>();
  void promise.then((message) => ended({ code: "EXITED", message: `headcni-resolver ${message}` }));
  // Only one of the two comes where the program cannot be started.
  child.once("error", ({ message }) => resolve(message));
  child.once("exit", (code, signal) => resolve(`ended by ${signal ?? `exit code ${code}`}`));
  // Neither keeps this process from ending.
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref().on("error", () => undefined);
  return () => child.kill();
}
