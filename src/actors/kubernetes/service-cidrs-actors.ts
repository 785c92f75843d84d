import { fromPromise } from "xstate";
import type { PrefixMemory } from "../../ports/prefix-memory.ts";

/** Effects of the machine of the ServiceCIDR objects. */
export function serviceCidrsActors(memory: PrefixMemory) {
  return {
    remember: fromPromise<readonly string[], { readonly prefixes: readonly string[] }>(
      async ({ input: { prefixes }, signal }) => {
        await memory.remember(prefixes, signal);
        return prefixes;
      },
    ),
  };
}
