import { describe, expect, test } from "vitest";
import type { Member } from "../../../src/domain/headscale-policy/aliases.ts";
import { comparePolicy } from "../../../src/domain/headscale-policy/compare-policy.ts";
import { leastPolicy } from "../../../src/domain/headscale-policy/least-policy.ts";
import {
  type PolicyNeeds,
  type PolicySettings,
  policyNeeds,
} from "../../../src/domain/headscale-policy/policy-needs.ts";

const pods = "10.244.0.0/16";
const tag = "tag:k8s-node";
const settings: PolicySettings = { supernets: [pods], mode: "daemon", approves: true, tags: [tag] };
const needsOf = (changes: Partial<PolicySettings>, ...members: readonly Member[]) =>
  policyNeeds({ ...settings, ...changes }, members.length === 0 ? [{ names: [tag] }] : members, undefined);
const daemon = needsOf({});
const host = needsOf({ mode: "host" });

/** The least policy with other parts instead. */
function check(needs: PolicyNeeds, parts: object): readonly string[] {
  const policy = { ...leastPolicy(needs), ...parts };
  return comparePolicy(JSON.stringify(policy), needs).map(({ kind, found }) => `${kind}: ${found}`);
}

const accept = (src: readonly string[], dst: readonly string[], proto?: string) => ({
  acls: [{ action: "accept", src, dst, ...(proto && { proto }) }],
  grants: [],
});
const grant = (src: readonly string[], dst: readonly string[], ...ip: readonly string[]) => ({
  src,
  dst,
  ip,
});

describe("what lets pods talk", () => {
  test.each([
    ["an acl", accept([pods], [`${pods}:*`])],
    ["a host's name", { hosts: { pods }, ...accept(["pods"], ["pods:*"]) }],
    ["ports from 1 on", { grants: [grant([pods], [pods], "1-65535")] }],
    ["halves together", { grants: [grant(["10.244.0.0/17", "10.244.128.0/17"], [pods], "*")] }],
    [
      "a rule for each protocol",
      { grants: ["tcp", "udp", "icmp"].map((protocol) => grant([pods], [pods], `${protocol}:*`)) },
    ],
  ])("%s", (_, parts) => {
    expect(check(daemon, parts)).toEqual([]);
  });

  test.each([
    ["some ports", { grants: [grant([pods], [pods], "443")] }, "tcp, udp, icmp"],
    ["TCP alone", { grants: [grant([pods], [pods], "tcp:*")] }, "udp, icmp"],
    ["an acl for UDP", accept([pods], [`${pods}:*`], "udp"), "tcp, icmp"],
    ["a half", { grants: [grant([pods], ["10.244.0.0/17"], "*")] }, "tcp, udp, icmp"],
    ["some routers only", { grants: [{ ...grant([pods], [pods], "*"), via: ["tag:r"] }] }, "tcp, udp, icmp"],
    ["an application", { grants: [{ src: [pods], dst: [pods], app: { a: [{}] } }] }, "tcp, udp, icmp"],
    ["no rule at all", { grants: [] }, "tcp, udp, icmp"],
  ])("not %s", (_, parts, protocols) => {
    expect(check(daemon, parts)).toEqual([
      `missing: no rule lets all of ${pods} reach all of ${pods} on every port (${protocols})`,
    ]);
  });
});

describe("by whom nodes are known", () => {
  const alice = { names: ["alice@"] };
  test.each([
    ["their user", "alice@", {}],
    ["a group", "group:home", { groups: { "group:home": ["alice@"] } }],
    ["all users", "autogroup:member", {}],
  ])("%s", (_, name, parts) => {
    const needs = needsOf({ mode: "host" }, alice);
    const nodeAttrs = [{ target: [name], attr: ["cache-network-maps"] }];
    const found = check(needs, { ...parts, nodeAttrs, autoApprovers: { routes: { [pods]: [name] } } });
    // All users are more than the nodes'.
    expect(found).toEqual(
      name === "autogroup:member" ? [expect.stringContaining("wide: routes of autogroup:member")] : [],
    );
  });

  test("a machine with a tag is no user's", () => {
    const autoApprovers = { routes: { [pods]: ["autogroup:member"] } };
    expect(check(daemon, { autoApprovers })).toContainEqual(
      `missing: autoApprovers.routes do not approve all of ${pods} for ${tag}`,
    );
  });
});

describe("what is too wide", () => {
  const podRule = grant([pods], [pods], "*");
  test.each<[string, PolicyNeeds, object, string]>([
    ["no rules", daemon, { grants: null }, "there are no rules: everybody reaches everybody"],
    ["an owner of the tag", daemon, { tagOwners: { [tag]: ["alice@"] } }, `alice@ may give a machine ${tag}`],
    [
      "a longer prefix",
      daemon,
      { autoApprovers: { routes: { [pods]: [tag], "10.0.0.0/8": [tag] } } },
      `routes of ${tag} in 10.0.0.0/8 are approved automatically, beyond ${pods}`,
    ],
    [
      "an exit node",
      daemon,
      { autoApprovers: { routes: { [pods]: [tag] }, exitNode: [tag] } },
      `${tag} may be an exit node, approved automatically`,
    ],
    [
      "nodes to a member",
      daemon,
      { grants: [podRule, grant([tag], ["tag:db"], "tcp:5432")] },
      `a rule lets ${tag} reach tag:db: nodes may send from their tailnet addresses`,
    ],
    [
      "a member to nodes",
      daemon,
      { grants: [podRule, grant(["alice@"], [tag], "tcp:22")] },
      `a rule lets alice@ reach ${tag}: members may send to nodes' tailnet addresses`,
    ],
    [
      "nodes to nodes",
      host,
      { grants: [podRule, grant([tag], [tag], "*")] },
      `a rule lets ${tag} reach ${tag}: nodes reach each other on every port`,
    ],
    [
      "members to pods",
      host,
      { grants: [...leastPolicy(host).grants, grant(["autogroup:member"], ["10.244.1.7"], "tcp:80")] },
      "a rule lets autogroup:member reach 10.244.1.7: members that are no pods may send to pods",
    ],
    [
      "pods to members",
      host,
      { grants: [...leastPolicy(host).grants, grant(["10.244.1.0/24"], ["autogroup:internet"], "*")] },
      "a rule lets 10.244.1.0/24 reach autogroup:internet: pods may send to what is no pod",
    ],
    [
      "approval by a policy that is not to",
      needsOf({ approves: false }),
      { autoApprovers: { routes: { [pods]: [tag] } } },
      `routes of ${tag} in ${pods} are approved automatically, and pods' addresses are among them`,
    ],
  ])("%s", (_, needs, parts, found) => {
    expect(check(needs, parts)).toEqual([`wide: ${found}`]);
  });

  test.each<[string, PolicyNeeds, object]>([
    ["members among themselves", daemon, { grants: [podRule, grant(["alice@"], ["tag:db"], "*")] }],
    [
      "owners to their machines",
      host,
      { grants: [...leastPolicy(host).grants, grant(["alice@"], [tag], "tcp:22")] },
    ],
    [
      "nodes to nodes on ports that are named",
      host,
      { grants: [...leastPolicy(host).grants, grant([tag], [tag], "tcp:2379-2380", "30000-32767")] },
    ],
    [
      "owners' machines to others",
      host,
      { grants: [...leastPolicy(host).grants, grant([tag], ["tag:db"], "*")] },
    ],
    [
      "owners' other networks",
      host,
      { autoApprovers: { routes: { [pods]: [tag], "192.168.1.0/24": ["tag:home", tag] } } },
    ],
    ["the attribute for all", daemon, { nodeAttrs: [{ target: ["*"], attr: ["cache-network-maps"] }] }],
  ])("not %s", (_, needs, parts) => {
    expect(check(needs, parts)).toEqual([]);
  });
});

test("without a policy all is missing but rules, and these are too wide", () => {
  expect(comparePolicy("", daemon).map(({ kind, part }) => `${kind} ${part}`)).toEqual([
    "missing tagOwners",
    "missing autoApprovers",
    "missing nodeAttrs",
    "missing tests",
    "wide rules",
  ]);
});
