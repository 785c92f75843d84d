import type { Paper } from "../output/style.ts";
import { labelledText, wrapText } from "../output/table.ts";
import type { PolicyCheckDocument } from "./policy-check-document.ts";

const marks = { missing: "MISSING", wide: "WIDE" } as const;
const indent = "          ";

/** The findings with what they mean and what to do, and a last line that counts. */
export function checkText({ source, findings }: PolicyCheckDocument, { style, width }: Paper): string {
  const each = findings.flatMap(({ kind, found, why, todo, line, column }) => {
    const place = line === null ? source : `${source}:${line}:${column}`;
    const paint = kind === "missing" ? style.bad : style.warn;
    const [head = "", ...more] = wrapText(`${found} (${place})`, width - indent.length);
    return [
      `${paint(marks[kind].padEnd(indent.length))}${head}`,
      ...more.map((text) => `${indent}${text}`),
      ...labelledText(`${indent}why   `, why, width),
      ...labelledText(`${indent}do    `, todo, width),
      "",
    ];
  });
  const count = (kind: keyof typeof marks) => findings.filter((finding) => finding.kind === kind).length;
  const verdict =
    findings.length === 0
      ? style.good("It gives this cluster what it needs, and no more.")
      : `${count("missing")} missing, ${count("wide")} too wide.`;
  return [...each, `${source}: ${verdict}`].join("\n");
}
