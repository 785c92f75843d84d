import { describe, expect, test } from "vitest";
import type { DoctorFacts } from "../../../../src/cli/doctor/judge/facts.ts";
import { countResults, judge } from "../../../../src/cli/doctor/judge/judge.ts";
import { headscale, notInstalled, of } from "./changed-facts.ts";
import { healthy, settings } from "./sample-facts.ts";

test("a node on which all is well has nothing to note", () => {
  const findings = judge(healthy, settings);
  expect(findings.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(countResults(findings)).toEqual({ ok: findings.length, warn: 0, fail: 0, skipped: 0 });
});

test("what is wrong says why it matters and what to do", () => {
  const broken = judge({ ...headscale({ unreachable: "ECONNREFUSED" }), ...notInstalled }, settings);
  for (const { result, why, todo, found } of broken)
    if (result === "warn" || result === "fail")
      expect([why, todo, found].every((text) => text.length > 10)).toBe(true);
});

const cluster = (changes: object): DoctorFacts => ({
  ...healthy,
  kubernetes: healthy.kubernetes === undefined ? undefined : { ...healthy.kubernetes, ...changes },
});

test.each([
  ["kubernetes.api", { unreachable: "the API server cannot be reached: ECONNREFUSED" }, "ECONNREFUSED"],
  ["kubernetes.rights", { forbidden: { value: ["watch pods"] } }, "watch pods"],
  [
    "addresses.serviceCIDR",
    { serviceCidrs: { value: ["192.168.7.128/25"] } },
    "10.96.0.0/16 or 192.168.7.128/25 overlaps",
  ],
  ["kubernetes.node", { ownPodCidrs: { value: undefined } }, 'no Node "n1"'],
  ["kubernetes.node", { ownPodCidrs: { value: [] } }, "no podCIDR"],
  ["kubernetes.node", { ownPodCidrs: { value: ["10.1.0.0/24"] } }, "outside"],
  ["kubernetes.node", { ownPodCidrs: { value: ["10.244.9.0/24"] } }, "the Node has"],
  ["kubernetes.nodes", { nodes: { value: [{ name: "n2", podCidrs: ["10.1.0.0/24"] }] } }, "n2 10.1.0.0/24"],
  [
    "kubernetes.nodes",
    {
      nodes: {
        value: [
          { name: "n2", podCidrs: ["10.244.2.0/24"] },
          { name: "n3", podCidrs: ["10.244.2.0/25"] },
        ],
      },
    },
    "overlaps",
  ],
])("%s fails with %o", (id, changes, found) => {
  expect(of(id, cluster(changes))).toEqual([
    expect.objectContaining({ result: "fail", found: expect.stringContaining(found) }),
  ]);
});

test("a wrong configuration leaves its checks out instead of failing them", () => {
  const findings = judge(healthy, { ...settings, headscaleUrl: "", supernets: [], ownPrefixes: [] });
  expect(findings.filter(({ result }) => result === "fail")).toEqual([]);
  expect(findings.find(({ id }) => id === "headscale.url")?.result).toBe("skipped");
});

describe("the Node's address in the tailnet", () => {
  const having = (address: string, replaced: string | null) => {
    const addresses = [{ type: "InternalIP", address }];
    return { ownAddressing: { value: { addresses, replaced, annotated: true, uninitializedAt: -1 } } };
  };
  const away = { daemon: { unknown: "it does not run" } };

  test.each([
    ["ok", having("10.244.1.1", ""), {}, "10.244.1.1"],
    ["fail", having("192.0.2.7", "192.0.2.7"), {}, "192.0.2.7 instead of 10.244.1.1"],
    ["warn", having("192.0.2.7", null), {}, "192.0.2.7, not yet 10.244.1.1"],
    ["skipped", having("192.0.2.7", null), away, "the daemon does not run"],
    ["skipped", { ownAddressing: { unknown: "FORBIDDEN" } }, {}, "FORBIDDEN"],
  ] as const)("is %s with %o", (result, changes, more, found) => {
    expect(of("kubernetes.nodeAddress", { ...cluster(changes), ...more })).toEqual([
      expect.objectContaining({ result, found: expect.stringContaining(found) }),
    ]);
  });

  test("is nobody's business without the key, without a Node, and while the API server is away", () => {
    const overruled = cluster(having("192.0.2.7", ""));
    expect(of("kubernetes.nodeAddress", overruled, { publishesAddress: false })).toEqual([]);
    expect(of("kubernetes.nodeAddress", cluster({ ownAddressing: { value: undefined } }))).toEqual([]);
    expect(of("kubernetes.nodeAddress", cluster({ unreachable: "away" }))).toEqual([]);
  });
});
