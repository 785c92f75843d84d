import { readLegacyChain } from "../../../adapters/nftables/legacy-chain.ts";
import { openFirewall } from "../../../adapters/nftables/open-firewall.ts";
import { runProgram } from "../../../adapters/nftables/run-program.ts";
import type { FirewallFacts } from "../judge/facts.ts";

/** Other software's filters in this namespace. Throws FirewallProgramError. */
export async function readFirewall(signal: AbortSignal): Promise<FirewallFacts> {
  const firewall = openFirewall({ tailnetPath: () => "" });
  const { foreign } = await firewall.observe("node", signal);
  const tables = [...new Set(foreign.map(({ family, table }) => `${family} ${table}`))];
  const owned = await Promise.all(
    tables.map(async (table) => ((await isOwned(table.split(" "), signal)) ? [table] : [])),
  );
  const [legacyRules, serviceProxy] = await Promise.all([
    readLegacyRules(signal),
    firewall.serviceProxy(signal),
  ]);
  return { foreign, ownedTables: owned.flat(), legacyRules, serviceProxy };
}

/** nft's JSON leaves the flags of a table out in many versions; its text has them in the first lines. */
async function isOwned(table: readonly string[], signal: AbortSignal): Promise<boolean> {
  const text = await runProgram({ program: "nft", args: ["-t", "list", "table", ...table] }, signal).catch(
    () => "",
  );
  return /^\s*flags [a-z, ]*\bowner\b/m.test(text);
}

async function readLegacyRules(signal: AbortSignal): Promise<readonly string[]> {
  const text = await readLegacyChain("filter", undefined, signal);
  return text.split("\n").filter((line) => line !== "");
}
