import { proxyProblem } from "../../../domain/kubernetes/service-proxy.ts";
import { dropsByDefault } from "../../../domain/nftables/nft-foreign.ts";
import type { ForeignChain } from "../../../domain/nftables/nft-observation.ts";
import { type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";

/** Other software's filters on the way of pods. */
export const firewallChecks: Checks = {
  /** Both kinds of iptables filter at once: a packet must pass each of them. */
  "firewall.backend"({ firewall }) {
    if ("unknown" in firewall) return skipped(firewall.unknown);
    const { legacyRules, foreign } = firewall.value;
    const usesNft = foreign.some(({ manager }) => manager !== "nft");
    // "-P FORWARD ACCEPT" lines alone are what an unused table looks like.
    const rules = legacyRules.filter((line) => line.startsWith("-A"));
    const dropping = legacyRules.find((line) => /^-P FORWARD (DROP|REJECT)/.test(line));
    if (dropping !== undefined)
      return fail({
        found: `iptables-legacy drops forwarded packets ("${dropping}")`,
        why: "HeadCNI makes exceptions in nftables and iptables-nft only; a packet must pass legacy tables as well.",
        todo: "Move to iptables-nft (update-alternatives --set iptables /usr/sbin/iptables-nft) and flush the legacy rules.",
      });
    if (rules.length === 0) return ok(usesNft ? "iptables-nft" : "nftables, no iptables rules");
    return warn({
      found: `iptables-legacy holds ${rules.length} rules${usesNft ? ", and iptables-nft is in use as well" : ""}`,
      why: "Legacy and nftables rules both apply; HeadCNI does not see the legacy ones and cannot make exceptions there.",
      todo: "Let all software use iptables-nft, then flush what iptables-legacy-save shows.",
    });
  },

  "firewall.forward"({ firewall }) {
    if ("unknown" in firewall) return undefined;
    const { foreign, ownedTables } = firewall.value;
    const drops = foreign.filter((chain) => chain.hook === "forward" && dropsByDefault(chain));
    const places = drops.filter((chain) => !ownedTables.includes(tableOf(chain))).map(placeOf);
    if (places.length === 0) return ok("no other program drops what is forwarded");
    return ok(`${listed(places)} drops; HeadCNI adds tagged exceptions for pods there`);
  },

  "firewall.underlay"({ node: { snapshot } }, { allowFromUnderlay }) {
    if (allowFromUnderlay.length === 0)
      return ok("nothing outside the cluster reaches pods, except through node ports and the like");
    const links = "unknown" in snapshot ? undefined : snapshot.value.links.map(({ name }) => name);
    const described = allowFromUnderlay.map((sender) =>
      sender.includes("/") || links === undefined || links.includes(sender)
        ? sender
        : `${sender} (no such link here)`,
    );
    return ok(`may reach pods and Services by this node: ${listed(described, 8)}`);
  },

  "firewall.services"({ firewall }, { kubernetes }) {
    if (!kubernetes || "unknown" in firewall) return undefined;
    const problem = proxyProblem[firewall.value.serviceProxy];
    return problem === null ? ok("netfilter translates Services' addresses") : warn(problem);
  },

  "firewall.owner"({ firewall }) {
    if ("unknown" in firewall) return undefined;
    const { foreign, ownedTables } = firewall.value;
    const dropping = foreign.filter((chain) => ownedTables.includes(tableOf(chain)) && dropsByDefault(chain));
    if (dropping.length === 0) return ok("no dropping table that only its owner may change");
    return fail({
      found: `${listed(dropping.map(placeOf))} drops packets, and only the program that made it may change it`,
      why: "HeadCNI cannot make an exception for pods there, so their packets are dropped.",
      todo: "For firewalld: set NftablesTableOwner=no in /etc/firewalld/firewalld.conf and restart it.",
    });
  },
};

function tableOf({ family, table }: ForeignChain): string {
  return `${family} ${table}`;
}

function placeOf({ family, table, chain, hook }: ForeignChain): string {
  return `${family} ${table} ${chain} (${hook})`;
}
