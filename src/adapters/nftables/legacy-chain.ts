import { readFile } from "node:fs/promises";
import { runProgram } from "./run-program.ts";

/** A chain of iptables-legacy, or the whole table; asked only if the table is there: the question itself would load it. */
export async function readLegacyChain(
  table: "filter" | "nat",
  chain: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const names = await readFile("/proc/self/net/ip_tables_names", "utf8").catch(() => "");
  if (!names.split("\n").includes(table)) return "";
  const args = ["-t", table, "-S", ...(chain === undefined ? [] : [chain])];
  return await runProgram({ program: "iptables-legacy", args }, signal).catch(() => "");
}
