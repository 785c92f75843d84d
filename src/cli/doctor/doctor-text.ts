import type { Paper } from "../output/style.ts";
import { labelledText, wrapText } from "../output/table.ts";
import { type CheckGroup, type CheckResult, checkGroups, type Finding } from "./judge/finding.ts";
import { countResults } from "./judge/judge.ts";

const headings: Readonly<Record<CheckGroup, string>> = {
  configuration: "Configuration",
  kernel: "Kernel",
  node: "Node",
  addresses: "Addresses",
  firewall: "Firewall",
  cni: "Container runtime",
  headscale: "Headscale",
  owner: "Owner's tailscaled",
  tailnet: "Tailnet",
  kubernetes: "Kubernetes",
};

const marks: Readonly<Record<CheckResult, string>> = { ok: "ok", warn: "note", fail: "FAIL", skipped: "-" };
const markWidth = 6;

export interface DoctorTextOptions extends Paper {
  /** Also shows what is well in full; otherwise a group without a problem takes one line. */
  readonly all: boolean;
}

/** The findings by group, what is wrong in full, and a last line that counts. */
export function doctorText(findings: readonly Finding[], options: DoctorTextOptions): string {
  const groups = checkGroups.flatMap((group) => {
    const own = findings.filter((finding) => finding.group === group);
    return own.length === 0 ? [] : [groupText(group, own, options)];
  });
  return [...groups, summary(findings, options)].join("\n");
}

function groupText(group: CheckGroup, findings: readonly Finding[], options: DoctorTextOptions): string {
  const { style, all } = options;
  const shown = all ? findings : findings.filter(({ result }) => result !== "ok");
  const well = findings.filter(({ result }) => result === "ok").length;
  const count = well === 0 ? "" : `${well} ok`;
  const heading = `${style.bold(headings[group].padEnd(20))}${all ? "" : style.dim(count)}`.trimEnd();
  return [
    heading,
    ...shown.flatMap((finding) => findingLines(finding, options)),
    ...(shown.length > 0 ? [""] : []),
  ].join("\n");
}

function findingLines(finding: Finding, { style, width }: DoctorTextOptions): readonly string[] {
  const { id, result, found, why, todo } = finding;
  const paint = { ok: style.good, warn: style.warn, fail: style.bad, skipped: style.dim }[result];
  const mark = `  ${paint(marks[result].padEnd(markWidth))}`;
  const indent = " ".repeat(markWidth + 2);
  const [head = "", ...more] = wrapText(`${id}: ${found}`, width - indent.length);
  return [
    `${mark}${head}`,
    ...more.map((line) => `${indent}${line}`),
    ...(why === "" ? [] : labelledText(`${indent}why   `, why, width)),
    ...(todo === "" ? [] : labelledText(`${indent}do    `, todo, width)),
  ];
}

function summary(findings: readonly Finding[], { style, all }: DoctorTextOptions): string {
  const { ok, warn, fail, skipped } = countResults(findings);
  const verdict =
    fail > 0
      ? style.bad(`${fail} ${fail === 1 ? "thing is" : "things are"} wrong.`)
      : warn > 0
        ? style.warn("Nothing is wrong, but see the notes.")
        : style.good("Nothing is wrong.");
  const counts = `${ok} ok, ${warn} to note, ${fail} wrong, ${skipped} skipped`;
  return `${verdict} ${counts}${all ? "" : style.dim(" (--all shows every check)")}`;
}
