import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policyText } from "../../../src/cli/policy/policy-text.ts";
import type { Member } from "../../../src/domain/headscale-policy/aliases.ts";
import { type LeastPolicy, leastPolicy } from "../../../src/domain/headscale-policy/least-policy.ts";
import {
  type ClusterFacts,
  type PolicySettings,
  policyNeeds,
} from "../../../src/domain/headscale-policy/policy-needs.ts";
import { PolicyTextError } from "../../../src/domain/headscale-policy/policy-text-error.ts";
import { readPolicy } from "../../../src/domain/headscale-policy/read-policy.ts";
import { type HeadscaleCheck, openHeadscaleCheck } from "./headscale-check.ts";

let headscale: HeadscaleCheck;
beforeAll(async () => {
  headscale = await openHeadscaleCheck();
});
afterAll(() => headscale.close());

const four = "10.244.0.0/16";
const six = "fd00:10:244::/48";
const tagged: Member = { names: ["tag:k8s-node"] };

function least(
  settings: Partial<PolicySettings>,
  members: readonly Member[] = [tagged],
  facts?: ClusterFacts,
): LeastPolicy {
  const whole: PolicySettings = {
    ...{ supernets: [four], mode: "daemon", approves: true, tags: ["tag:k8s-node"] },
    ...settings,
  };
  return leastPolicy(policyNeeds(whole, members, facts));
}

const node = { name: "n1", addresses: ["100.64.0.1", "fd7a:115c:a1e0::1"], kubeletPort: 10_250 };
const away: ClusterFacts = {
  nodes: [node],
  apiServer: [{ address: "100.64.0.9", port: 6443, names: [] }],
};

describe("Headscale takes the printed policy", () => {
  test.each<[string, LeastPolicy]>([
    ["mode daemon", least({})],
    ["mode daemon, both families", least({ supernets: [four, six] })],
    ["mode daemon, IPv6 alone", least({ supernets: [six] })],
    ["mode host", least({ mode: "host" })],
    ["mode host, both families", least({ mode: "host", supernets: [four, six] })],
    [
      "an API server at home that is no Node",
      least({ mode: "host", supernets: [four, six] }, [tagged], away),
    ],
    ["approval by nodes", least({ approves: false })],
    ["nodes with several tags", least({ mode: "host" }, [{ names: ["tag:home", "tag:lab"] }, tagged])],
    ["pods' addresses as few as can be", least({ supernets: ["10.244.0.0/30"] })],
  ])("%s", async (_, policy) => {
    expect(await headscale.refusal(policyText(policy))).toBe("");
  });
});

describe("Headscale's tests refuse", () => {
  const policy = least({ mode: "host", supernets: [four, six] });
  const withGrant = (src: string, dst: string) =>
    policyText({ ...policy, grants: [...policy.grants, { src: [src], dst: [dst], ip: ["*"] }] });

  test.each([0, 1])("the policy without its rule for pods number %s", async (index) => {
    const grants = policy.grants.toSpliced(index, 1);
    expect(await headscale.refusal(policyText({ ...policy, grants }))).toContain("expected ALLOWED");
  });

  test.each([
    ["*", "*"],
    ["*", four],
    ["100.64.0.0/10", "10.244.0.0/24"],
    [six, "*"],
    [four, "100.64.0.0/10"],
  ])("a rule from %s to %s", async (src, dst) => {
    expect(await headscale.refusal(withGrant(src, dst))).toContain("expected DENIED");
  });
});

describe("of a text both say the same", () => {
  test.each([
    ["comments and trailing commas", '{"tagOwners": {"tag:a": [],}, /* c */ // d\n}', true],
    ["an escaped name", '{"\\u0074agOwners": {"tag:a": []}}', true],
    ["a name in other letters", '{"TAGOWNERS": {"tag:a": []}}', true],
    ["null for a part", '{"tagOwners": null}', true],
    ["nothing in it", "{}", true],
    ["no text at all but blanks", " ", false],
    ["a name twice", '{"tagOwners": {}, "tagOwners": {}}', false],
    ["a byte order mark", "\ufeff{}", false],
    ["a list", "[]", false],
    ["a control character in a text", '{"hosts": {"a\tb": "10.0.0.1"}}', false],
    ["something behind the end", "{} x", false],
    ["single quotes", "{'tagOwners': {}}", false],
    ["names without quotes", "{tagOwners: {}}", false],
    ["a number with a leading zero", '{"hosts": 01}', false],
    ["a vertical tab", '{"tagOwners": {}}\u000b', false],
    ["a blank that JSON has not", '{"tagOwners"\u00a0: {}}', false],
    ["a comma in front", '{"tagOwners": {,"tag:a": []}}', false],
    ["a comment of shells", "{} # x", false],
    ["a comment without an end", '{"tagOwners": {}} /* x', false],
    ["a line comment at the end", "{} // x\n", true],
    ["a grant with ports that are none", '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["http"]}]}', false],
    ["an acl that denies", '{"acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]}', false],
    ["an acl without ports", '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*"]}]}', false],
    ["a part of another kind", '{"tagOwners": []}', false],
    ["something else than a policy", '{"apiVersion": "v1"}', false],
  ])("%s", async (_, text, isGood) => {
    expect({ ours: isRead(text), headscale: (await headscale.refusal(text)) === "" }).toEqual({
      ours: isGood,
      headscale: isGood,
    });
  });
});

function isRead(text: string): boolean {
  try {
    readPolicy(text);
    return true;
  } catch (error) {
    if (error instanceof PolicyTextError) return false;
    throw error;
  }
}
