import { fileURLToPath } from "node:url";

/** It holds little: what V8 would otherwise let grow before it looks. */
const nodeOptions = ["--optimize-for-size", "--max-semi-space-size=1"];

/**
 * The command line of headcni-resolver (src/programs/resolver) for these addresses, to be run in the tailnet namespace. `nodeDescriptor` is
 * the descriptor on which it gets the node's network namespace.
 */
export function resolverCommand(
  addresses: readonly string[],
  { nodeDescriptor, sysctlDir }: { readonly nodeDescriptor: number; readonly sysctlDir: string },
): readonly [string, ...string[]] {
  const self = import.meta.url;
  const program = new URL(
    self.endsWith(".ts") ? "../../programs/resolver/main.ts" : "./headcni-resolver.mjs",
    self,
  );
  const node = `/proc/self/fd/${nodeDescriptor}`;
  const options = ["--node", node, "--sysctls", sysctlDir];
  return [process.execPath, ...nodeOptions, fileURLToPath(program), ...options, ...addresses];
}
