import { expect, test } from "vitest";
import { awaitedNodes, cleanupReport, nodeCleanup } from "../../../src/domain/kubernetes/node-cleanup.ts";

const pods = [
  { node: "n3", ready: false },
  { node: "n4", ready: false },
  { node: "n2", ready: true },
  { node: "n1", ready: true },
];

test("a node whose kubelet does not report is not waited for, any other is", () => {
  expect(awaitedNodes(pods, ["n3"])).toEqual(["n4"]);
  expect(awaitedNodes(pods, ["n3", "n4"])).toEqual([]);
  expect(awaitedNodes([{ node: "n4", ready: false }, ...pods], [])).toEqual(["n3", "n4"]);
});

test("a node is clean if its pod says so, also if its kubelet fell silent since", () => {
  expect(nodeCleanup(pods, ["n2", "n3"])).toEqual({ clean: ["n1", "n2"], silent: ["n3"], failed: ["n4"] });
});

test("the report names every node, and says what to do only if one is not clean", () => {
  const report = cleanupReport(nodeCleanup(pods, ["n3"]), "headcni-cleanup", "run it again");
  expect(report.map((line) => line.replace(/ \(.*/, ""))).toEqual([
    "clean: n1, n2",
    "NOT CLEAN: n3",
    "NOT CLEAN: n4",
    "run it again",
  ]);
  expect(cleanupReport(nodeCleanup(pods.slice(2), []), "headcni-cleanup", "run it again")).toEqual([
    "clean: n1, n2",
  ]);
});
