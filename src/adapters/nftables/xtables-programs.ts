import type { ChainManager } from "../../domain/nftables/nft-observation.ts";
import { runProgram } from "./run-program.ts";

/** Finds the nf_tables kind of iptables, once per family: "iptables-nft", or an "iptables" that is of that kind. */
export interface XtablesPrograms {
  /** Who manages an xtables-named chain: the front end when it is installed, else nft. */
  managerOf(family: "ip" | "ip6" | "inet"): Promise<ChainManager>;
  programOf(manager: "iptables" | "ip6tables"): string;
}

export function xtablesPrograms(): XtablesPrograms {
  const searches = new Map<string, Promise<string | undefined>>();
  const programs = new Map<string, string>();
  return {
    managerOf: async (family) => {
      const manager = family === "ip6" ? "ip6tables" : "iptables";
      const search = searches.get(manager) ?? findProgram(manager);
      searches.set(manager, search);
      const program = await search;
      if (program === undefined) return "nft";
      programs.set(manager, program);
      return manager;
    },
    programOf: (manager) => programs.get(manager) ?? manager,
  };
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const program of [`${name}-nft`, name]) {
    const version = await runProgram({ program, args: ["--version"] }).catch(() => "");
    if (version.includes("nf_tables")) return program;
  }
  return undefined;
}
