import { overlaps, parsePrefix } from "../../../domain/addresses/prefix.ts";
import type { TailnetNodeFacts } from "./facts.ts";
import { type Checks, fail, listed, ok, skipped } from "./finding.ts";

/** What other tailnet nodes announce into the pods' addresses. */
export const announcementChecks: Checks = {
  "tailnet.announcements"({ tailnet, headscale }, settings) {
    const live = "value" in tailnet ? tailnet.value : undefined;
    // Before the login a record of the same name is taken for this node's own.
    const isOwn = ({ id, name }: TailnetNodeFacts) =>
      live === undefined ? name === settings.hostname : id === live.nodeId;
    const others = [
      ...("value" in headscale.admin ? headscale.admin.value.nodes : []).filter((node) => !isOwn(node)),
      ...(live?.peers ?? []),
    ];
    if (live === undefined && "unknown" in headscale.admin)
      return skipped("seen only from within the tailnet or with an API key", "--api-key-file FILE");
    const own = settings.ownPrefixes.map(parsePrefix);
    const supernets = settings.supernets.map(parsePrefix);
    const announced = others.flatMap(({ name, routes }) =>
      routes
        .filter((route) => !route.endsWith("/0"))
        .map((route) => ({ name, route, prefix: parsePrefix(route) })),
    );
    const said = ({ name, route }: { name: string; route: string }) => `${name} announces ${route}`;
    const clashing = announced.filter(({ prefix }) => own.some((one) => overlaps(one, prefix)));
    if (clashing.length > 0)
      return fail({
        found: `${listed([...new Set(clashing.map(said))])}, which overlaps this node's ${settings.ownPrefixes.join(" and ")}`,
        why: "Headscale gives a prefix to one node only: packets for this node's pods may go to the other one.",
        todo: "Delete the stale node (headscale nodes delete), or give one of them another pod CIDR.",
      });
    const wide = announced.filter(({ prefix }) =>
      supernets.some((one) => overlaps(one, prefix) && prefix.length <= one.length),
    );
    if (wide.length > 0)
      return fail({
        found: `${listed([...new Set(wide.map(said))])}, which holds all pods (${settings.supernets.join(" or ")})`,
        why: "Packets for pods of an offline node go to that machine.",
        todo: "Withdraw that route's approval (headscale nodes approve-routes), or choose another network.podCIDR.",
      });
    return ok("no other machine announces this node's addresses");
  },
};
