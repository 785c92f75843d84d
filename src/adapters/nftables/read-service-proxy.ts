import { readFile } from "node:fs/promises";
import type { ServiceProxy } from "../../domain/kubernetes/service-proxy.ts";
import { readLegacyChain } from "./legacy-chain.ts";
import { runProgram } from "./run-program.ts";

/** Of the process's own namespace. Throws FirewallProgramError. kube-proxy makes KUBE-SERVICES in mode ipvs, too. */
export async function readServiceProxy(signal?: AbortSignal): Promise<ServiceProxy> {
  const virtual = await readFile("/proc/self/net/ip_vs", "utf8").catch(() => "");
  if (/^(TCP|UDP|SCTP|FWM)\s/m.test(virtual)) return "ipvs";
  const chains = await runProgram({ program: "nft", args: ["list", "chains"] }, signal);
  if (/^table ip6? kube-proxy \{|^\s*chain KUBE-SERVICES \{/m.test(chains)) return "netfilter";
  return (await readLegacyChain("nat", "KUBE-SERVICES", signal)) === "" ? "none" : "netfilter";
}
