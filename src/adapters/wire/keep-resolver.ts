import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { resolverCommand } from "../tailscale/resolver-command.ts";

const againMs = 5_000;
const nodeDescriptor = 3;

/**
 * Keeps headcni-resolver running for these addresses, in the network namespace of the calling thread, and with our own output: it
 * ends with this process, which holds the other end of its stdin. `node` is a descriptor of the node's namespace, and stays open.
 */
export function keepResolver(
  addresses: readonly string[],
  { node, sysctlDir }: { readonly node: number; readonly sysctlDir: string },
): void {
  const [program, ...args] = resolverCommand(addresses, { nodeDescriptor, sysctlDir });
  const start = () => {
    const child = spawn(program, args, { stdio: ["pipe", "inherit", "inherit", node], cwd: "/" });
    const again = () => void setTimeout(start, againMs).unref();
    // Only one of the two comes where the program cannot be started.
    child.once("error", again).once("exit", again);
    // Neither keeps this process from ending.
    child.unref();
    if (child.stdin instanceof Socket) child.stdin.unref().on("error", () => undefined);
  };
  start();
}
