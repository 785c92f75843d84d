import type { NamespaceName } from "../../domain/kernel/kernel-state.ts";
import { allowlistTableName } from "../../domain/nftables/nft-allowlist-table.ts";
import { isXtablesName } from "../../domain/nftables/nft-foreign.ts";
import { nftTableName } from "../../domain/nftables/nft-node-table.ts";
import type { FirewallChange, ForeignChain } from "../../domain/nftables/nft-observation.ts";
import type { ObservedTable } from "../../domain/nftables/nft-table.ts";
import { policyTableName } from "../../domain/policy/policy-plan.ts";
import type { Firewall } from "../../ports/firewall.ts";
import { FirewallProgramError } from "./firewall-error.ts";
import { readIptablesRules, restoreInput } from "./iptables-rules.ts";
import { loadDocument } from "./load-document.ts";
import { type BaseChain, readBaseChains, readForeignRules, readOwnTable } from "./nft-listing.ts";
import { readServiceProxy } from "./read-service-proxy.ts";
import { runProgram } from "./run-program.ts";
import { type XtablesPrograms, xtablesPrograms } from "./xtables-programs.ts";

export interface FirewallOptions {
  /** Where the tailnet namespace is found now; the node's namespace is the process's own. */
  readonly tailnetPath: () => string;
}

/**
 * nftables through `nft`, and iptables-nft's chains through `iptables`. A whole ruleset is never listed: with 5,000
 * chains of kube-proxy that takes 320 ms, the chains alone 20 ms (measured).
 */
export function openFirewall(options: FirewallOptions): Firewall {
  const netnsOf = (namespace: NamespaceName) => (namespace === "tailnet" ? options.tailnetPath() : undefined);
  const xtables = xtablesPrograms();

  const run = (namespace: NamespaceName, program: string, args: readonly string[], signal?: AbortSignal) =>
    runProgram({ program, args, netns: netnsOf(namespace) }, signal);

  const readForeign = async (
    namespace: NamespaceName,
    base: BaseChain,
    signal?: AbortSignal,
  ): Promise<readonly ForeignChain[]> => {
    const { family, table, name: chain, hook } = base;
    if (family !== "ip" && family !== "ip6" && family !== "inet") return [];
    if (base.type !== "filter" || (hook !== "forward" && hook !== "input")) return [];
    const place = { family, table, chain, hook, policy: base.policy ?? "accept" } as const;
    const manager = isXtablesName(place) ? await xtables.managerOf(family) : "nft";
    if (manager !== "nft") {
      const program = xtables.programOf(manager);
      // Refused: somebody put a native rule there that iptables cannot read, so nft may write there too.
      const rules = await unlessRefused(run(namespace, program, ["-w", "-S", chain], signal));
      if (rules !== undefined) return [{ ...place, manager, rules: readIptablesRules(rules) }];
    }
    // Refused: the chain went while we looked.
    const listing = await unlessRefused(
      run(namespace, "nft", ["-j", "list", "chain", family, table, chain], signal),
    );
    return listing === undefined ? [] : [{ ...place, manager: "nft", rules: readForeignRules(listing) }];
  };

  return {
    observe: async (namespace, signal) => {
      const chains = readBaseChains(await run(namespace, "nft", ["-j", "list", "chains"], signal));
      const ours = chains.filter((chain) => isIn(chain, nftTableName));
      const own = async (): Promise<{ readonly own?: ObservedTable }> =>
        ours.length === 0
          ? {}
          : {
              own: readOwnTable(
                await run(namespace, "nft", ["-j", "list", "table", "inet", nftTableName], signal),
              ),
            };
      const others =
        namespace === "node" ? chains.filter((chain) => !ourTables.some((name) => isIn(chain, name))) : [];
      const [table, ...foreign] = await Promise.all([
        own(),
        ...others.map((chain) => readForeign(namespace, chain, signal)),
      ]);
      const policies = chains.some((chain) => isIn(chain, policyTableName))
        ? { policies: true as const }
        : {};
      return { ...table, ...policies, foreign: foreign.flat() };
    },
    apply: async (namespace, changes, signal) => {
      for (const change of changes) await applyChange(change, netnsOf(namespace), xtables, signal);
    },
    serviceProxy: readServiceProxy,
  };
}

/** Those besides the guard's are kept by machines of their own. In host mode all are in the node's namespace. */
const ourTables = [nftTableName, allowlistTableName, policyTableName];

function isIn({ family, table }: BaseChain, name: string): boolean {
  return family === "inet" && table === name;
}

async function applyChange(
  change: FirewallChange,
  netns: string | undefined,
  xtables: XtablesPrograms,
  signal?: AbortSignal,
): Promise<void> {
  if (change.tool === "nft") return loadDocument(change.document, netns, signal);
  const program = `${xtables.programOf(change.tool)}-restore`;
  const call = { program, args: ["--noflush", "-w"], input: restoreInput(change.lines), netns };
  await runProgram(call, signal);
}

async function unlessRefused(answer: Promise<string>): Promise<string | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof FirewallProgramError && error.detail.code === "REFUSED") return undefined;
    throw error;
  });
}
