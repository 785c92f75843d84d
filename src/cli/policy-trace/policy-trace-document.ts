import { type AskedNode, judgeTrace, type TraceVerdict } from "../../domain/policy/trace-verdict.ts";

/** What `policy-trace` answers. */
export interface PolicyTraceDocument extends TraceVerdict, AskedWords {
  /** What each node said. */
  readonly nodes: readonly AskedNode[];
}

/** As they were typed. */
export interface AskedWords {
  readonly from: string;
  readonly to: string;
  readonly port: string;
}

export function policyTraceDocument(
  { from, to, port }: AskedWords,
  nodes: readonly AskedNode[],
): PolicyTraceDocument {
  return { from, to, port, ...judgeTrace(nodes), nodes };
}
