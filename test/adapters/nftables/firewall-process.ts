/** The firewall adapter in the namespace of its process: applies its argument, observes, prints what came of it. */
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import type { FirewallChange } from "../../../src/domain/nftables/nft-observation.ts";

const firewall = openFirewall({ tailnetPath: () => "/nowhere" });
try {
  await firewall.apply("node", JSON.parse(process.argv[2] ?? "[]") as FirewallChange[]);
  const [observation, proxy] = [await firewall.observe("node"), await firewall.serviceProxy()];
  console.log(JSON.stringify({ observation, proxy }));
} catch (error) {
  console.log(JSON.stringify({ failure: error instanceof HeadcniError ? error.detail : String(error) }));
}
