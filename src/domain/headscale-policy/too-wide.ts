import { containsPrefix, overlaps, parsePrefix } from "../addresses/prefix.ts";
import { meansMember, prefixesOf, readAddresses } from "./aliases.ts";
import type { HeadscalePolicy, Owned, PlacedText, PortRange, RuleTarget } from "./policy.ts";
import type { PolicyFinding } from "./policy-finding.ts";
import { memberNames, type PolicyNeeds } from "./policy-needs.ts";
import { goesBeyond, touches } from "./what-it-allows.ts";

const lastPort = 65_535;

type Excess = Omit<PolicyFinding, "kind">;

/**
 * What the policy allows beyond the need: of pods' addresses and of the cluster's own tags. What else an owner's machine may do under
 * its owner's tags or user, and all that is between other members, is its operator's.
 */
export function tooWide(policy: HeadscalePolicy, needs: PolicyNeeds): readonly PolicyFinding[] {
  const excesses = [
    ...owners(policy, needs),
    ...strangers(policy, needs),
    ...announcements(policy, needs),
    ...exitNodes(policy, needs),
    ...rules(policy, needs),
  ];
  return excesses.map((excess) => ({ kind: "wide", ...excess }));
}

function owners({ tagOwners }: HeadscalePolicy, { tags }: PolicyNeeds): readonly Excess[] {
  return tagOwners
    .filter(({ text }) => tags.includes(text))
    .flatMap(({ text: tag, by }) =>
      by.map(({ text: owner, at }) => ({
        part: "tagOwners",
        at,
        found: `${owner} may give a machine ${tag}`,
        why: "A machine with that tag is a node to Headscale, and may announce pods' prefixes.",
        todo: `Leave ${tag} without owners: a pre-auth key gives it to nodes.`,
      })),
    );
}

/** Who is no node and may announce pods' prefixes; nobody has to where not the policy approves. */
function strangers(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Excess[] {
  const supernets = needs.supernets.map((text) => parsePrefix(text));
  return approvals(policy)
    .filter(({ prefix }) => supernets.some((pods) => overlaps(prefix, pods)))
    .filter(({ approver }) => !needs.approves || !isNode(approver.text, policy, needs))
    .map(({ entry, approver }) => ({
      part: "autoApprovers",
      at: approver.at,
      found: `routes of ${approver.text} in ${entry.text} are approved automatically, and pods' addresses are among them`,
      why: needs.approves
        ? "Who serves a node's prefix gets the packets for its pods."
        : "With approval: controller or api the policy is not to approve routes of nodes: what it approves comes back whoever withdraws it.",
      todo: `Name ${needs.supernets.join(" and ")} for ${needs.approves ? memberNames(needs).join(", ") : "nobody"} alone.`,
    }));
}

/** What else the cluster's own tags may announce. */
function announcements(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Excess[] {
  const supernets = needs.supernets.map((text) => parsePrefix(text));
  return approvals(policy)
    .filter(({ approver }) => needs.tags.includes(approver.text))
    .filter(({ prefix }) => !supernets.some((pods) => containsPrefix(pods, prefix)))
    .filter(({ prefix }) => !needs.owned || supernets.some((pods) => overlaps(prefix, pods)))
    .map(({ entry, approver }) => ({
      part: "autoApprovers",
      at: approver.at,
      found: `routes of ${approver.text} in ${entry.text} are approved automatically, beyond ${needs.supernets.join(" and ")}`,
      why: "A node could announce a network of somebody else, and get its packets.",
      todo: `Approve ${needs.supernets.join(" and ")} for ${approver.text}, and other networks for other tags.`,
    }));
}

function exitNodes({ exitNode }: HeadscalePolicy, { owned, tags }: PolicyNeeds): readonly Excess[] {
  return exitNode
    .filter(({ text }) => !owned && tags.includes(text))
    .map(({ text, at }) => ({
      part: "autoApprovers",
      at,
      found: `${text} may be an exit node, approved automatically`,
      why: "A node could become the way to the internet of members who take any exit node.",
      todo: `Take ${text} out of autoApprovers.exitNode.`,
    }));
}

function rules(policy: HeadscalePolicy, needs: PolicyNeeds): readonly Excess[] {
  if (policy.rules === undefined)
    return [
      {
        part: "rules",
        at: undefined,
        found: "there are no rules: everybody reaches everybody",
        why: "Each member of the tailnet may send to pods and nodes, and these to each member; only nodes' own rules are in between.",
        todo: 'Add "grants"; with them, members need rules for what they shall reach.',
      },
    ];
  return policy.rules.flatMap((rule) =>
    rule.sources.flatMap((source) =>
      rule.targets.flatMap((target) => excessOf(policy, needs, source, target)),
    ),
  );
}

function excessOf(
  policy: HeadscalePolicy,
  needs: PolicyNeeds,
  source: PlacedText,
  target: RuleTarget,
): readonly Excess[] {
  // Capabilities alone (`app`) carry no packet.
  if (target.ports.length === 0) return [];
  const part = "rules";
  const place = { part, at: source.at } as const;
  const supernets = needs.supernets.map((text) => parsePrefix(text));
  const from = prefixesOf(source.text, policy);
  const to = prefixesOf(target.text, policy);
  const both = `${source.text} reach ${target.text}`;
  if (goesBeyond(from, supernets) && touches(to, supernets))
    return [
      {
        ...place,
        found: `a rule lets ${both}: members that are no pods may send to pods`,
        why: "Only pods, and nodes at their pods' addresses, have to reach pods.",
        todo: `Let ${needs.supernets.join(" and ")} alone reach it.`,
      },
    ];
  if (touches(from, supernets) && goesBeyond(to, supernets))
    return [
      {
        ...place,
        found: `a rule lets ${both}: pods may send to what is no pod`,
        why: "Whoever is in a pod could reach other members of the tailnet, where nodes do not keep it from that.",
        todo: "Name as sources the members that are meant.",
      },
    ];
  return nodeExcess(policy, needs, source, target).map((excess) => ({ ...place, ...excess }));
}

/** Of the cluster's own tags: from and to members in mode daemon, and among themselves, on every port, where nodes are their owners' machines. */
function nodeExcess(
  policy: HeadscalePolicy,
  { tags, owned, nodePorts }: PolicyNeeds,
  source: PlacedText,
  target: RuleTarget,
): readonly Omit<Excess, "part" | "at">[] {
  const both = `${source.text} reach ${target.text}`;
  const means = (alias: string) => tags.find((tag) => meansMember(alias, { names: [tag] }, policy));
  const from = means(source.text);
  const to = means(target.text);
  if (from === undefined)
    return owned || to === undefined
      ? []
      : [
          {
            found: `a rule lets ${both}: members may send to nodes' tailnet addresses`,
            why: "Nothing of the cluster listens at nodes' tailnet addresses; only nodes' own rules keep members from what does.",
            todo: `Leave ${to} out of the destinations.`,
          },
        ];
  if (!owned)
    return [
      {
        found: `a rule lets ${both}: nodes may send from their tailnet addresses`,
        why: "Nodes send with pods' addresses; whoever has stolen a node's key could reach that.",
        todo: `Leave ${from} out of the sources.`,
      },
    ];
  // What stands there by number, somebody has chosen: etcd, node ports, hostNetwork pods.
  const isEvery = ({ first, last }: PortRange) => first <= 1 && last === lastPort;
  if (to === undefined || !target.ports.some(isEvery)) return [];
  const needed = nodePorts.length === 0 ? "" : `TCP ports ${nodePorts.join(" and ")} of ${from}, and `;
  return [
    {
      found: `a rule lets ${both}: nodes reach each other on every port`,
      why: "Whoever has stolen a node's key could reach whatever runs on the others, SSH among it.",
      todo: `Let ${from} reach ${needed}by number what else nodes serve each other.`,
    },
  ];
}

interface Approval {
  readonly entry: Owned;
  readonly approver: PlacedText;
  readonly prefix: NonNullable<ReturnType<typeof readAddresses>>;
}

function approvals({ routes }: HeadscalePolicy): readonly Approval[] {
  return routes.flatMap((entry) => {
    const prefix = readAddresses(entry.text);
    return prefix === undefined ? [] : entry.by.map((approver) => ({ entry, approver, prefix }));
  });
}

/** Whether an approver stands for nodes alone. */
function isNode(approver: string, { groups }: HeadscalePolicy, needs: PolicyNeeds): boolean {
  const names = memberNames(needs);
  const users = groups.get(approver) ?? [];
  return names.includes(approver) || (users.length > 0 && users.every((user) => names.includes(user)));
}
