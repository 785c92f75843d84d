import { expect, test } from "vitest";
import { doctorText } from "../../../src/cli/doctor/doctor-text.ts";
import { judge } from "../../../src/cli/doctor/judge/judge.ts";
import { createStyle } from "../../../src/cli/output/style.ts";
import { healthy, settings } from "./judge/sample-facts.ts";

const plain = { style: createStyle(false), width: 100, all: false };
const broken = {
  ...healthy,
  headscale: { ...healthy.headscale, unreachable: "UND_ERR_CONNECT_TIMEOUT" },
  cni: { ...healthy.cni, before: ["05-cilium.conflist"] },
};

test("what is wrong is told with its reason and remedy, in 100 columns", () => {
  const text = doctorText(judge(broken, settings), plain);
  const lines = text.split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(text).toMatch(/FAIL +headscale\.reachable: https/);
  expect(text).toMatch(/why +Without Headscale/);
  expect(text).toMatch(/do +See whether Headscale runs/);
  expect(lines.at(-1)).toMatch(/^2 things are wrong\. \d+ ok, 0 to note, 2 wrong/);
});

test("what is well takes one line a group, and one a check with --all", () => {
  const findings = judge(healthy, settings);
  expect(doctorText(findings, plain).split("\n")).toHaveLength(9);
  const all = doctorText(findings, { ...plain, all: true });
  for (const { id } of findings) expect(all).toContain(`ok    ${id}: `);
});
