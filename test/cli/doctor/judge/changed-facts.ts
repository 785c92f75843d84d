import { expect, test } from "vitest";
import type {
  AdminFacts,
  DoctorFacts,
  DoctorSettings,
  FirewallFacts,
  HeadscaleFacts,
  NodeFacts,
  TailnetFacts,
} from "../../../../src/cli/doctor/judge/facts.ts";
import { judge } from "../../../../src/cli/doctor/judge/judge.ts";
import type { KernelSnapshot } from "../../../../src/domain/kernel/kernel-state.ts";
import type { ForeignChain } from "../../../../src/domain/nftables/nft-observation.ts";
import { healthy, settings } from "./sample-facts.ts";

/** The healthy node with changes, by what they concern. */
export const node = (changes: Partial<NodeFacts>): DoctorFacts => ({
  ...healthy,
  node: { ...healthy.node, ...changes },
});
const sound = "value" in healthy.node.snapshot ? healthy.node.snapshot.value : undefined;
export const kernel = (change: (snapshot: KernelSnapshot) => Partial<KernelSnapshot>): DoctorFacts => {
  if (sound === undefined) throw new Error("the sample has a snapshot");
  return node({ snapshot: { value: { ...sound, ...change(sound) } } });
};
export const headscale = (changes: Partial<HeadscaleFacts>): DoctorFacts => ({
  ...healthy,
  headscale: { ...healthy.headscale, ...changes },
});
export const admin = (changes: Partial<AdminFacts>): DoctorFacts => {
  const { admin: known } = healthy.headscale;
  if ("unknown" in known) throw new Error("the sample has an API key");
  return headscale({ admin: { value: { ...known.value, ...changes } } });
};
export const policy = (text: string) => admin({ policy: { value: text } });
export const tailnet = (changes: Partial<TailnetFacts>): DoctorFacts => {
  if ("unknown" in healthy.tailnet) throw new Error("the sample has a tailnet");
  return { ...healthy, tailnet: { value: { ...healthy.tailnet.value, ...changes } } };
};
export const firewall = (
  foreign: readonly ForeignChain[],
  ownedTables: string[] = [],
  legacyRules: string[] = [],
  serviceProxy: FirewallFacts["serviceProxy"] = "netfilter",
): DoctorFacts => ({
  ...healthy,
  firewall: { value: { foreign, ownedTables, legacyRules, serviceProxy } },
});
export const notInstalled: Partial<DoctorFacts> = {
  daemon: { unknown: "no socket" },
  tailnet: { unknown: "no socket" },
};
export const dropping: ForeignChain = {
  family: "inet",
  table: "firewalld",
  chain: "filter_FORWARD",
  hook: "forward",
  policy: "drop",
  manager: "nft",
  rules: [],
};
export const key = {
  key: "hskey-auth-abcdefghijkl-***",
  used: false,
  reusable: false,
  expired: false,
  tags: ["tag:k8s-node"],
};

export function of(id: string, facts: DoctorFacts, changes: Partial<DoctorSettings> = {}) {
  return judge(facts, { ...settings, ...changes }).filter((finding) => finding.id === id);
}

export const rule = (changes: object) => ({ family: 4 as const, priority: 100, table: 200, ...changes });
export const acl = (src: string[], dst: string[]) =>
  policy(JSON.stringify({ acls: [{ action: "accept", src, dst }] }));

export type Case = readonly [
  what: string,
  id: string,
  result: string,
  facts: DoctorFacts,
  found: string,
  Partial<DoctorSettings>?,
];
/** One test per case: exactly one finding of that id, with that result. */
export function judgeCases(cases: readonly Case[]): void {
  test.each(
    cases.map(([what, id, result, facts, found, changes]) => ({ what, id, result, facts, found, changes })),
  )("$what: $id is $result", ({ id, result, facts, found, changes }) => {
    const findings = of(id, facts, changes);
    expect(findings).toEqual([
      expect.objectContaining({ id, result, found: expect.stringContaining(found) }),
    ]);
    // What is wrong says why it matters and what to do.
    if (result === "warn" || result === "fail")
      for (const { why, todo } of findings)
        expect([why, todo].filter((text) => text.length <= 10)).toEqual([]);
  });
}
