import fc from "fast-check";
import { expect, test } from "vitest";
import { policyText } from "../../../src/cli/policy/policy-text.ts";
import { comparePolicy } from "../../../src/domain/headscale-policy/compare-policy.ts";
import { type LeastPolicy, leastPolicy } from "../../../src/domain/headscale-policy/least-policy.ts";
import type { PolicyFinding } from "../../../src/domain/headscale-policy/policy-finding.ts";
import type { PolicyNeeds } from "../../../src/domain/headscale-policy/policy-needs.ts";
import { arbitraryNeeds } from "./arbitrary-needs.ts";

/** A change of a policy, and the words that name it. */
interface Change {
  readonly policy: object;
  readonly named: readonly string[];
}

test("the printed policy passes its own check", () => {
  fc.assert(
    fc.property(arbitraryNeeds, (needs) => {
      expect(comparePolicy(policyText(leastPolicy(needs)), needs)).toEqual([]);
    }),
  );
});

test("of the printed policy no entry can go without being named", () => {
  fc.assert(
    fc.property(arbitraryNeeds, fc.nat(), (needs, pick) => {
      const { policy, named } = oneOf([...withoutOne(leastPolicy(needs))], pick);
      const findings = comparePolicy(JSON.stringify(policy), needs);
      expect(findings.filter(({ kind }) => kind !== "missing")).toEqual([]);
      expect(
        findings.filter((finding) => names(finding, named)),
        named.join(),
      ).not.toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("of the printed policy nothing can be made wider without being named, with its place", () => {
  fc.assert(
    fc.property(arbitraryNeeds, fc.nat(), (needs, pick) => {
      const { policy, named } = oneOf([...withOneMore(leastPolicy(needs), needs)], pick);
      const text = JSON.stringify(policy, null, 1);
      const wide = comparePolicy(text, needs).filter(({ kind }) => kind === "wide");
      const [added = ""] = named;
      expect(
        wide.filter((one) => names(one, named) && standsAt(text, one, added)),
        text,
      ).not.toEqual([]);
    }),
    { numRuns: 400 },
  );
});

function oneOf(changes: readonly Change[], pick: number): Change {
  const change = changes[pick % changes.length];
  if (change === undefined) throw new Error("there is nothing to change");
  return change;
}

function names({ found, todo }: PolicyFinding, words: readonly string[]): boolean {
  return words.every((word) => `${found} ${todo}`.includes(word));
}

function standsAt(text: string, { at }: PolicyFinding, word: string): boolean {
  const line = text.split("\n")[(at?.line ?? 0) - 1] ?? "";
  return line.slice((at?.column ?? 0) - 1).startsWith(JSON.stringify(word));
}

/** The policy without one entry of each of its lists and objects. */
function* withoutOne(policy: LeastPolicy): Generator<Change> {
  for (const tag of Object.keys(policy.tagOwners)) {
    const { [tag]: _, ...tagOwners } = policy.tagOwners;
    yield { policy: { ...policy, tagOwners }, named: ["tagOwners", tag] };
  }
  const routes = policy.autoApprovers?.routes ?? {};
  for (const [prefix, approvers] of Object.entries(routes))
    for (const approver of approvers) {
      const left = approvers.filter((one) => one !== approver);
      const less = { ...routes, [prefix]: left };
      yield { policy: { ...policy, autoApprovers: { routes: less } }, named: [prefix, approver] };
    }
  for (const [index, grant] of policy.grants.entries()) {
    const instead = (...grants: LeastPolicy["grants"]) => ({
      ...policy,
      grants: policy.grants.toSpliced(index, 1, ...grants),
    });
    yield { policy: instead(), named: [...grant.src, ...grant.dst] };
    for (const port of grant.ip) {
      const ip = grant.ip.filter((one) => one !== port);
      // Headscale takes none without ports.
      if (ip.length > 0) yield { policy: instead({ ...grant, ip }), named: [port.replace("tcp:", "port ")] };
    }
  }
  for (const { target } of policy.nodeAttrs) {
    yield { policy: { ...policy, nodeAttrs: [] }, named: ["cache-network-maps", ...target] };
    for (const name of target) {
      const nodeAttrs = policy.nodeAttrs.map((one) => ({
        ...one,
        target: target.filter((other) => other !== name),
      }));
      yield { policy: { ...policy, nodeAttrs }, named: ["cache-network-maps", name] };
    }
  }
  for (const [index, entry] of policy.tests.entries())
    yield { policy: { ...policy, tests: policy.tests.toSpliced(index, 1) }, named: [JSON.stringify(entry)] };
}

/** The policy with one thing more that nobody needs, which the first of its words names at its place. */
function* withOneMore(policy: LeastPolicy, needs: PolicyNeeds): Generator<Change> {
  const groups = { "group:dev": ["mallory@"] };
  const hosts = { lan: "192.168.0.0/16", everywhere: "0.0.0.0/0" };
  const base = { groups, hosts, ...policy };
  const outside = ["*", "mallory@", "group:dev", "tag:other", "lan", "autogroup:member", "192.0.2.7"];
  const rule = (src: string, dst: string, port = "80"): readonly Change[] => {
    const grants = [...policy.grants, { src: [src], dst: [dst], ip: [`tcp:${port}`] }];
    const acls = [{ action: "accept", src: [src], dst: [`${dst}:${port}`] }];
    return [
      { ...base, grants },
      { ...base, acls },
    ].map((wider) => ({ policy: wider, named: [src, dst] }));
  };
  for (const supernet of needs.supernets) {
    for (const source of outside) yield* rule(source, supernet);
    for (const target of [...outside, "autogroup:internet"]) yield* rule(supernet, target);
    const part = supernet.replace(/\/\d+$/, supernet.includes(":") ? "/127" : "/31");
    yield* rule("mallory@", part);
    yield* rule("autogroup:danger-all", part);
    yield* rule(part, "tag:other");
    const routes = policy.autoApprovers?.routes ?? {};
    for (const prefix of [supernet, part, supernet.includes(":") ? "::/0" : "0.0.0.0/0"]) {
      const more = { ...routes, [prefix]: [...(routes[prefix] ?? []), "mallory@"] };
      yield { policy: { ...base, autoApprovers: { routes: more } }, named: ["mallory@", prefix] };
    }
  }
  for (const tag of needs.tags.filter((one) => policy.tagOwners[one] !== undefined)) {
    const tagOwners = { ...policy.tagOwners, [tag]: ["mallory@"] };
    yield { policy: { ...base, tagOwners }, named: ["mallory@", tag] };
    yield* rule(tag, tag, "*");
    if (needs.owned) continue;
    yield* rule(tag, "tag:other");
    yield* rule("mallory@", tag);
    yield { policy: { ...base, autoApprovers: { ...policy.autoApprovers, exitNode: [tag] } }, named: [tag] };
  }
}
