import { readFile } from "node:fs/promises";
import type { KernelSnapshot } from "../../domain/kernel/kernel-state.ts";
import type { TunnelFacts } from "../../domain/owner/owner-terms.ts";

/** The node's own, and that of systemd-resolved's links, which kubelet hands to pods where that runs. */
const resolvConfPaths = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/** The texts of those that there are. */
export function readResolvConfs(): Promise<readonly string[]> {
  return Promise.all(resolvConfPaths.map((path) => readFile(path, "utf8").catch(() => "")));
}

/** The node's interfaces with what they are addressed by. */
export function linksOf({
  links,
  addresses,
}: Pick<KernelSnapshot, "links" | "addresses">): TunnelFacts["links"] {
  return links.map(({ index, name, mtu }) => ({
    name,
    mtu,
    addresses: addresses.filter(({ linkIndex }) => linkIndex === index).map(({ address }) => address),
  }));
}
