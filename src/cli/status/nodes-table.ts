import type { NodeDocument } from "../output/document-command.ts";
import type { Paper, Style } from "../output/style.ts";
import { formatTable } from "../output/table.ts";
import type { StatusDocument } from "./status-document.ts";

/** One line a node, and below it why it is not well. */
export function nodesTable(nodes: readonly NodeDocument<StatusDocument>[], paper: Paper): string {
  const { style } = paper;
  const rows = nodes.map(({ node, document: { status, stuck } }) => {
    const { readiness, attachments, pools, peers, guard } = status;
    // Where pods have several families, that which runs out first.
    const [addresses] = [...pools].sort((one, other) => other.used / other.size - one.used / one.size);
    const online = peers.filter((peer) => peer.online);
    const repairs = Object.values(guard.repairs).reduce((sum, count) => sum + count, 0);
    return [
      node,
      readiness.serving ? painted(readiness.state, style) : style.bad("no"),
      String(attachments.length),
      addresses === undefined ? "unknown" : `${addresses.prefix} ${addresses.used}/${addresses.size}`,
      `${online.length}/${peers.length}, ${online.filter(({ path }) => path === "direct").length} direct`,
      status.headscale.connected ? "connected" : style.warn("unreachable"),
      String(repairs),
      stuck.length === 0 ? "0" : style.bad(String(stuck.length)),
    ];
  });
  const headings = ["NODE", "READY", "PODS", "ADDRESSES", "PEERS", "HEADSCALE", "REPAIRS", "STUCK"];
  const reasons = nodes.flatMap(({ node, document }) =>
    document.status.readiness.reasons.map((reason) => `${style.warn(node)}: ${reason}`),
  );
  return [formatTable({ headings, rows }, paper), ...(reasons.length === 0 ? [] : [reasons.join("\n")])].join(
    "\n\n",
  );
}

function painted(state: string, style: Style): string {
  return state === "proven" ? style.good(state) : style.warn(state);
}
