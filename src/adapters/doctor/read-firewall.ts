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
  const [legacyRules, serviceProxy] = await Promise.all([readLegacyRules(signal), readServiceProxy(signal)]);
  return { foreign, ownedTables: owned.flat(), legacyRules, serviceProxy };
}

/** kube-proxy makes KUBE-SERVICES in mode ipvs, too. */
async function readServiceProxy(signal: AbortSignal): Promise<FirewallFacts["serviceProxy"]> {
  const virtual = await readFile("/proc/self/net/ip_vs", "utf8").catch(() => "");
  if (/^(TCP|UDP|SCTP|FWM)\s/m.test(virtual)) return "ipvs";
  const chains = await runProgram({ program: "nft", args: ["list", "chains"] }, signal);
  if (/^table ip6? kube-proxy \{|^\s*chain KUBE-SERVICES \{/m.test(chains)) return "netfilter";
  return (await readLegacyChain("nat", "KUBE-SERVICES", signal)) === "" ? "none" : "netfilter";
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

/** A chain of iptables-legacy, or the whole table; asked only if the table is there: the question itself would load it. */
async function readLegacyChain(
  table: "filter" | "nat",
  chain: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const names = await readFile("/proc/self/net/ip_tables_names", "utf8").catch(() => "");
  if (!names.split("\n").includes(table)) return "";
  const args = ["-t", table, "-S", ...(chain === undefined ? [] : [chain])];
  return await runProgram({ program: "iptables-legacy", args }, signal).catch(() => "");
}
