import { expect, test } from "vitest";
import { healthLevel } from "../../../src/domain/health-level.ts";
import type { HealthRegions } from "../../../src/domain/health-regions.ts";
import { conditionReasons, networkCondition } from "../../../src/domain/kubernetes/network-condition.ts";

const well: HealthRegions = {
  ...{ service: "serving", proof: "given", guard: "ok", tailnet: "ok", control: "ok" },
  ...{ owner: "ok", login: "ok", route: "ok", node: "ok", cni: "ok" },
} as const;
const words = {
  ...{ guard: "guard!", tailnet: "tailnet!", control: "control!", login: "login!" },
  ...{ owner: "owner!", route: "route!", node: "node!", cni: "cni!" },
};

test("a node on which all is well is available", () => {
  expect(networkCondition(well, (region) => words[region], "")).toEqual({
    status: "False",
    reason: "HeadcniServes",
    message: "HeadCNI serves pods on this node",
  });
});

test("what is not supported is told of a node that is available, and of another only why it is not", () => {
  const told = (changes: Partial<HealthRegions>) =>
    networkCondition({ ...well, ...changes }, (region) => words[region], "IPVS!");
  expect(told({})).toEqual({
    status: "False",
    reason: "ServiceProxyUnsupported",
    message: "HeadCNI serves pods on this node, but IPVS!",
  });
  expect(told({ tailnet: "down" })).toEqual({ status: "True", reason: "TailnetDown", message: "login!" });
});

test("what is not supported is the last of the reasons, and costs no readiness", () => {
  const of = (changes: Partial<HealthRegions>) =>
    healthLevel({ ...well, ...changes }, false, { words, unsupported: "IPVS!" });
  expect(of({}).readiness).toEqual({ serving: true, state: "proven", reasons: ["IPVS!"] });
  expect(of({ guard: "failed" }).readiness.reasons).toEqual(["guard!", "IPVS!"]);
  expect(of({}).status).toEqual({ ready: true, reason: "" });
});

test("a node knows its own conditions by these reasons", () => {
  expect(conditionReasons).toEqual([
    ...["HeadcniServes", "ServiceProxyUnsupported", "PodCIDRConflict", "HeadcniStarting", "CniSocketDown"],
    ...["GuardBroken", "TailnetDown", "RouteUnproven"],
  ]);
});

test.each<[Partial<HealthRegions>, string, string]>([
  [{ node: "conflicting" }, "PodCIDRConflict", "node!"],
  [{ service: "starting" }, "HeadcniStarting", "HeadCNI does not serve pods on this node yet"],
  [{ cni: "down" }, "CniSocketDown", "cni!"],
  [{ guard: "repairing" }, "GuardBroken", "guard!"],
  [{ tailnet: "down" }, "TailnetDown", "login!"],
  [{ proof: "wanted" }, "RouteUnproven", "route!"],
  [{ route: "unproven" }, "RouteUnproven", "route!"],
])("%o keeps new pods away", (changes, reason, message) => {
  const condition = networkCondition({ ...well, ...changes }, (region) => words[region], "");
  expect(condition).toEqual({ status: "True", reason, message });
});

test.each<Partial<HealthRegions>>([
  { node: "waiting" },
  { node: "unsure" },
  { service: "draining" },
  { cni: "unknown" },
  { login: "refused" },
  { owner: "wrong" },
  { control: "away" },
  { route: "unproven", control: "away" },
])("%o keeps nobody away", (changes) => {
  expect(networkCondition({ ...well, ...changes }, (region) => words[region], "").status).toBe("False");
});

test("the first problem is told, and of the tailnet the login's before its own", () => {
  const all: HealthRegions = { ...well, node: "conflicting", cni: "down", guard: "failed", tailnet: "down" };
  expect(networkCondition(all, () => "", "").reason).toBe("PodCIDRConflict");
  const noLogin = (region: string) => (region === "login" ? "" : `${region}!`);
  expect(networkCondition({ ...well, tailnet: "down" }, noLogin, "").message).toBe("tailnet!");
});

const level = (changes: Partial<HealthRegions>, problem = false) =>
  healthLevel({ ...well, ...changes }, problem, { words, unsupported: "" });

test("ready is who serves, proven who has no problem, degraded who was proven and still has a route", () => {
  expect(level({}).readiness).toEqual({ serving: true, state: "proven", reasons: [] });
  expect(level({ service: "draining" }).readiness).toMatchObject({ serving: false, state: "degraded" });
  expect(level({ cni: "down" }, true).readiness).toMatchObject({ serving: false, state: "degraded" });
  expect(level({ guard: "failed" }, true).readiness).toMatchObject({ serving: true, state: "degraded" });
  expect(level({ route: "unproven" }, true).readiness.state).toBe("unproven");
  expect(level({ proof: "wanted" }, true).readiness.state).toBe("unproven");
});

test("reasons are those of regions that are not well; control counts only where it could be heard", () => {
  expect(level({ guard: "failed", node: "waiting", cni: "down" }).readiness.reasons).toEqual([
    ...["cni!", "node!", "guard!"],
  ]);
  expect(level({ route: "unproven", control: "away" }).readiness.reasons).toEqual(["route!", "control!"]);
  expect(level({ tailnet: "down", control: "away" }).readiness.reasons).toEqual(["tailnet!"]);
  expect(level({ login: "refused", control: "away" }).readiness.reasons).toEqual(["login!"]);
});

test("STATUS is ready once the node was proven, with the Node's reason before the route's", () => {
  expect(level({}).status).toEqual({ ready: true, reason: "" });
  expect(level({ proof: "wanted", route: "unproven" }).status).toEqual({ ready: false, reason: "route!" });
  expect(level({ node: "conflicting", route: "unproven" }).status).toEqual({ ready: true, reason: "node!" });
});
