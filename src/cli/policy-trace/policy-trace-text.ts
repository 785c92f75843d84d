import type { NodeTraceEnd, NodeTracePolicy } from "../../domain/policy/node-trace.ts";
import type { JudgedHalf, TraceVerdict } from "../../domain/policy/trace-verdict.ts";
import type { Paper } from "../output/style.ts";
import { labelledText, wrapText } from "../output/table.ts";
import type { PolicyTraceDocument } from "./policy-trace-document.ts";
import { becauseText, problemText } from "./policy-trace-words.ts";

/** The verdict, what each end does and by which policies, and what keeps the answer from being whole. */
export function policyTraceText(document: PolicyTraceDocument, paper: Paper): string {
  const { verdict, flow, egress, ingress, problems, nodes } = document;
  const { style, width } = paper;
  const label = {
    allowed: style.good("allowed"),
    denied: style.bad("denied"),
    unknown: style.warn("cannot be told"),
  };
  const notes = nodes.flatMap(({ node, ...asked }) =>
    "notes" in asked ? asked.notes.map((note) => `${node}: ${note}`) : [],
  );
  return [
    ...wrapText(`${label[verdict]}: ${flowText(document, flow)}`, width),
    ...(flow === null || egress === null ? [] : halfText("egress", flow.source, egress, paper)),
    ...(flow === null || ingress === null ? [] : halfText("ingress", flow.destination, ingress, paper)),
    ...(problems.length + notes.length === 0 ? [] : [""]),
    ...problems.flatMap((problem) => labelledText("why   ", problemText(problem), width)),
    ...notes.flatMap((note) => labelledText("note  ", note, width)),
  ].join("\n");
}

function flowText({ from, to, port }: PolicyTraceDocument, flow: TraceVerdict["flow"]): string {
  if (flow === null) return `${from} -> ${to}, port ${port}`;
  return `${endText(flow.source)} -> ${endText(flow.destination)}, ${flow.protocol} ${flow.port}`;
}

function endText({ pod, address, nodeAddress }: NodeTraceEnd): string {
  const at = nodeAddress === null ? address : `${nodeAddress}, which arrives as ${address}`;
  return pod === null ? at : `${pod} (${at})`;
}

function halfText(
  direction: "egress" | "ingress",
  end: NodeTraceEnd,
  half: JudgedHalf,
  { style, width }: Paper,
): readonly string[] {
  const { node, told, allowed, policies } = half;
  const by = node === null ? "" : told ? ` on ${node}` : ` on ${node}, as another node thinks`;
  const paint = !told ? style.warn : allowed ? style.good : style.bad;
  const verdict = paint(allowed ? "allowed" : "denied");
  return [
    "",
    ...labelledText(`${direction.padEnd(9)}`, `${verdict}${by}: ${becauseText(direction, end, half)}`, width),
    ...policies.flatMap((policy) =>
      labelledText("           ", `${policy.policy}: ${policyText(direction, policy)}`, width),
    ),
  ];
}

function policyText(direction: "egress" | "ingress", { allows, rules, problem }: NodeTracePolicy): string {
  const far = direction === "egress" ? "to" : "from";
  const wrong = rules.map(({ peers, ports }, at) => {
    const what = [...(peers ? [] : [`another "${far}"`]), ...(ports ? [] : ["other ports"])].join(" and ");
    return `${direction}[${at}] has ${what}`;
  });
  const allowing = rules.flatMap(({ peers, ports }, at) => (peers && ports ? [`${direction}[${at}]`] : []));
  const why = allows
    ? `allows it (${allowing.join(", ")})`
    : rules.length === 0
      ? "isolates, and has no rules"
      : `isolates: ${wrong.join("; ")}`;
  return problem === null ? why : `${why}. It is not enforced as written: ${problem}`;
}
