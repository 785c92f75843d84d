import { expect, test } from "vitest";
import type { DoctorFacts } from "../../../src/domain/doctor/facts.ts";
import { countResults, judge } from "../../../src/domain/doctor/judge.ts";
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
