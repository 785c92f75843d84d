import { readFile } from "node:fs/promises";
import type { FirewallFacts } from "../../domain/doctor/facts.ts";
import { openFirewall } from "../nftables/open-firewall.ts";
import { runProgram } from "../nftables/run-program.ts";

/** Other software's filters in this namespace. Throws FirewallProgramError. */
export async function readFirewall(signal: AbortSignal): Promise<FirewallFacts> {
  const { foreign } = await openFirewall({ tailnetPath: () => "" }).observe("node", signal);
  const tables = [...new Set(foreign.map(({ family, table }) => `${family} ${table}`))];
  const owned = await Promise.all(
    tables.map(async (table) => ((await isOwned(table.split(" "), signal)) ? [table] : [])),
  );
  return { foreign, ownedTables: owned.flat(), legacyRules: await readLegacyRules(signal) };
}

/** nft's JSON leaves the flags of a table out in many versions; its text has them in the first lines. */
async function isOwned(table: readonly string[], signal: AbortSignal): Promise<boolean> {
  const text = await runProgram({ program: "nft", args: ["-t", "list", "table", ...table] }, signal).catch(
    () => "",
  );
  return /^\s*flags [a-z, ]*\bowner\b/m.test(text);
}

/** Asked only if the legacy table is there: the question itself would load it. */
async function readLegacyRules(signal: AbortSignal): Promise<readonly string[]> {
  const names = await readFile("/proc/self/net/ip_tables_names", "utf8").catch(() => "");
  if (!names.split("\n").includes("filter")) return [];
  const text = await runProgram({ program: "iptables-legacy", args: ["-S"] }, signal).catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}
