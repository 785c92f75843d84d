import type { GuardInvariant } from "../../domain/guard-invariants.ts";
import { findBroken } from "../../domain/guard-plan.ts";
import type { GuardSettings, GuardTerms } from "../../domain/guard-settings.ts";
import { tailnetLink } from "../../domain/kernel-constants.ts";
import type { NamespaceName } from "../../domain/kernel-state.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import type { TailnetNamespace } from "../../ports/tailnet-namespace.ts";

export interface TailnetNamespaceOptions {
  readonly settings: Omit<GuardSettings, keyof GuardTerms>;
  /** Where X is mounted: `<runtimeDir>/tailnet.netns`. */
  readonly path: string;
}

/** What X needs to reach the underlay; the guard holds these and all the others. */
const connecting: ReadonlySet<GuardInvariant> = new Set([
  "tailnet.unreachable",
  "node.link",
  "tailnet.link",
  "node.linkAddress",
  "tailnet.linkAddress",
  "tailnet.defaultRoute",
]);

/** X on top of the kernel port. Errors are the kernel port's. */
export function tailnetNamespace(kernel: KernelState, options: TailnetNamespaceOptions): TailnetNamespace {
  const observe = async (namespace: NamespaceName) => ({
    kernel: await kernel.observe(namespace),
    sysctls: {},
  });
  return {
    ensure: async (ownPrefixes) => {
      await kernel.createNamespace(options.path);
      await kernel.openNamespace("tailnet", options.path);
      const observation = { node: await observe("node"), tailnet: await observe("tailnet") };
      const settings = { ...options.settings, ownPrefixes, refusedPrefixes: [] };
      for (const { invariant, mends } of findBroken(settings, observation)) {
        if (!connecting.has(invariant)) continue;
        for (const mend of mends)
          if (mend.kind === "kernel") await kernel.apply(mend.namespace, mend.operations);
      }
    },
    remove: async () => {
      await kernel.apply("node", [{ op: "link.remove", link: tailnetLink.node }]);
      await kernel.removeNamespace(options.path);
    },
  };
}
