import { cachedMaps, leastPolicy, type PolicyTest, tcp } from "./least-policy.ts";
import type { HeadscalePolicy, PolicyAssertion } from "./policy.ts";
import type { PolicyFinding } from "./policy-finding.ts";
import { addressAlias, memberNames, memberTags, type PolicyNeeds } from "./policy-needs.ts";
import { readProtocol } from "./read-ports.ts";
import { approves, hasAttribute, joinsNodes, leadsFrom, leadsTo, silentProtocols } from "./what-it-allows.ts";

type Lack = Omit<PolicyFinding, "kind" | "at">;

/** What the cluster needs and the policy does not give. */
export function missing(policy: HeadscalePolicy, needs: PolicyNeeds): readonly PolicyFinding[] {
  const lacks = [
    ...tags(policy, needs),
    ...approvers(policy, needs),
    ...pods(policy, needs),
    ...nodes(policy, needs),
    ...attributes(policy, needs),
    ...tests(policy, needs),
  ];
  return lacks.map((lack) => ({ kind: "missing", at: undefined, ...lack }));
}

function tags(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  return memberTags(needs)
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
        found: `autoApprovers.routes do not approve all of ${supernet} for ${names.join(", ")}`,
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
        found: `no rule lets all of ${supernet} reach all of ${supernet} on every port (${silent.join(", ")})`,
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
  const back = needs.elsewhere.flatMap((place) =>
    needs.kubeletPorts
      .filter((port) => !leadsFrom(policy, place, needs.members, port))
      .map((port) => ({ place, port })),
  );
  return [
    ...closed.map((port) => ({ src: names, dst: names, port })),
    ...away.map((place) => ({ src: names, dst: [addressAlias(place)], port: place.port })),
    ...back.map(({ place, port }) => ({ src: [addressAlias(place)], dst: names, port })),
  ].map(({ src, dst, port }) => ({
    part: "rules",
    found: `no rule lets ${src.join(", ")} reach ${dst.join(", ")} on TCP port ${port}`,
    why,
    todo: `Add ${grantText(src, dst, tcp([port]))} to grants.`,
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

function tests(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Lack[] {
  const lacking = leastPolicy(needs).tests.filter((wanted) => !tries(policy.tests, wanted));
  if (lacking.length === 0) return [];
  const texts = lacking.map((test) => JSON.stringify(test));
  return [
    {
      part: "tests",
      found: `tests lack ${texts.length === 1 ? "an entry" : `${texts.length} entries`} that headcnictl policy prints`,
      why: "By its tests alone Headscale refuses a change of the policy that cuts pods off or opens them.",
      todo: `Add to tests: ${texts.join(", ")}`,
    },
  ];
}

/** Whether the policy's tests, all together, try what one is to try. */
function tries(
  given: readonly PolicyAssertion[],
  { src, proto, accept = [], deny = [] }: PolicyTest,
): boolean {
  const near = given.filter(
    (one) => one.src === src && readProtocol(one.proto) === readProtocol(proto ?? ""),
  );
  return (
    accept.every((place) => near.some((one) => one.accept.includes(place))) &&
    deny.every((place) => near.some((one) => one.deny.includes(place)))
  );
}

function grantText(src: readonly string[], dst: readonly string[], ip: readonly string[]): string {
  return JSON.stringify({ src, dst, ip });
}
