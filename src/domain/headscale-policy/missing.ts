import { cachedMaps } from "./least-policy.ts";
import type { HeadscalePolicy } from "./policy.ts";
import type { PolicyFinding } from "./policy-finding.ts";
import { addressAlias, memberNames, memberTags, type PolicyNeeds } from "./policy-needs.ts";
import { approves, hasAttribute, joinsNodes, leadsTo, silentProtocols } from "./what-it-allows.ts";

type Lack = Omit<PolicyFinding, "kind" | "at">;

/** What the cluster needs and the policy does not give. */
export function missing(policy: HeadscalePolicy, needs: PolicyNeeds): readonly PolicyFinding[] {
  const lacks = [
    ...tags(policy, needs),
    ...approvers(policy, needs),
    ...pods(policy, needs),
    ...nodes(policy, needs),
    ...attributes(policy, needs),
  ];
  return lacks.map((lack) => ({ kind: "missing", at: undefined, ...lack }));
}

function tags(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  const names = memberNames(needs);
  return memberTags(needs)
    .filter((tag) => names.includes(tag) || needs.tags.includes(tag))
    .filter((tag) => policy.tagOwners.every(({ text }) => text !== tag))
    .map((tag) => ({
      part: "tagOwners",
      found: `tagOwners lacks ${tag}`,
      why: "No rule may name a tag that the policy does not know, and no machine can be given it.",
      todo: `Add ${JSON.stringify(tag)}: [] to tagOwners.`,
    }));
}

function approvers(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  if (!needs.approves) return [];
  return needs.supernets.flatMap((supernet) => {
    const waiting = needs.members.filter((member) => !approves(policy, member, supernet));
    if (waiting.length === 0) return [];
    const names = memberNames({ members: waiting, tags: needs.tags });
    return [
      {
        part: "autoApprovers" as const,
        found: `autoApprovers.routes approve not all of ${supernet} for ${names.join(", ")}`,
        why: "Routes of nodes wait for approval for ever, and their pods stay unreachable from others.",
        todo: `Add ${JSON.stringify(supernet)}: ${JSON.stringify(names)} to autoApprovers.routes.`,
      },
    ];
  });
}

function pods(policy: HeadscalePolicy, { supernets }: PolicyNeeds): readonly Lack[] {
  return supernets.flatMap((supernet) => {
    const silent = silentProtocols(policy, supernet);
    if (silent.length === 0) return [];
    return [
      {
        part: "rules" as const,
        found: `no rule lets all of ${supernet} reach all of it on all ports by ${silent.join(", ")}`,
        why: "Packets keep their pods' addresses in the tailnet; tags and autogroups stand for members' own addresses.",
        todo: `Add ${grantText([supernet], [supernet], ["*"])} to grants.`,
      },
    ];
  });
}

function nodes(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  const names = memberNames(needs);
  const why =
    "Nodes have tailnet addresses as their InternalIP: kubelets and the API server are reached by them.";
  const closed = needs.nodePorts.filter((port) => !joinsNodes(policy, needs.members, port));
  const away = needs.elsewhere.filter((place) => !leadsTo(policy, needs.members, place));
  return [
    ...closed.map((port) => ({ dst: names, port })),
    ...away.map((place) => ({ dst: [addressAlias(place)], port: place.port })),
  ].map(({ dst, port }) => ({
    part: "rules",
    found: `no rule lets ${names.join(", ")} reach ${dst.join(", ")} on TCP port ${port}`,
    why,
    todo: `Add ${grantText(names, dst, [`tcp:${port}`])} to grants.`,
  }));
}

function attributes(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  const without = needs.members.filter((member) => !hasAttribute(policy, member, cachedMaps));
  if (without.length === 0) return [];
  const names = memberNames({ members: without, tags: needs.tags });
  return [
    {
      part: "nodeAttrs",
      found: `nodeAttrs do not give ${names.join(", ")} the attribute ${cachedMaps}`,
      why: "A node that boots while Headscale is down has no pod network until Headscale is back.",
      todo: `Add ${JSON.stringify({ target: names, attr: [cachedMaps] })} to nodeAttrs.`,
    },
  ];
}

function grantText(src: readonly string[], dst: readonly string[], ip: readonly string[]): string {
  return JSON.stringify({ src, dst, ip });
}
