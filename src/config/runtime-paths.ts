import { join } from "node:path";
import type { Config } from "./config-schema.ts";

/** The files of one daemon; `runtimeDir` is emptied by a reboot, `stateDir` is not. */
export function runtimePaths({ runtimeDir, stateDir }: Pick<Config, "runtimeDir" | "stateDir">) {
  return {
    cniSocket: join(runtimeDir, "cni.sock"),
    /** What the address pools remember over a restart. */
    addressHints: join(runtimeDir, "address-hints.json"),
    httpSocket: join(runtimeDir, "http.sock"),
    /** headcni-wire's own. */
    wireHttpSocket: join(runtimeDir, "wire-http.sock"),
    /** Where the tailnet namespace is mounted. */
    tailnetNetns: join(runtimeDir, "tailnet.netns"),
    /** The node's own sysctls, for clean-up. */
    sysctls: join(runtimeDir, "sysctls.json"),
    proof: join(stateDir, "proven.json"),
    /** The Nodes' pod CIDRs and who serves them in the tailnet: what headcni-wire lets in. */
    nodeList: join(stateDir, "allowlist.json"),
    /** The pod CIDRs that this node last had. */
    nodeMemory: join(stateDir, "node.json"),
    /** The prefixes of the ServiceCIDR objects that the API server named last. */
    serviceMemory: join(stateDir, "service-cidrs.json"),
    /** Policies, namespaces and pods as the API server named them last. */
    policyMemory: join(stateDir, "policies.json"),
    /** What was added to the preferences of the node's own tailscaled, by profile. */
    ownerProfiles: join(stateDir, "owner-profiles.json"),
    /** What the guard must know of that tailscaled. */
    ownerTerms: join(stateDir, "owner-terms.json"),
    /** The chart's copies of the programs that load the rules at boot. */
    bootProgram: join(stateDir, "boot"),
  };
}
