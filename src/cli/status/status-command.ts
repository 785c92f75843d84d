import { machinesPageSchema } from "../../observe/pages/machines-page.ts";
import { statusPageSchema } from "../../observe/pages/status-page.ts";
import type { CliCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { documentCommand } from "../output/document-command.ts";
import { nodesTable } from "./nodes-table.ts";
import type { StatusDocument } from "./status-document.ts";
import { statusText } from "./status-text.ts";

export const statusCommand: CliCommand = documentCommand<StatusDocument>({
  kind: "Status",
  name: "status",
  summary: "show whether this node works, and if not, why",
  synonyms: ["state", "health", "info", "get", "show", "ready"],
  options: [{ flags: "--peers", summary: "show every peer and every route, not only those with a problem" }],
  notes: "Exit code 1 unless the node serves pods and its routes are proven.",
  collect: async ({ context }) => {
    const status = await context.daemon.page("/debug/status", statusPageSchema);
    const { machines } = await context.daemon.page("/debug/machines", machinesPageSchema);
    return { at: Date.now(), status, stuck: machines.filter((row) => row.stuck || row.error !== undefined) };
  },
  render: (document, context, options) => statusText(document, context, options["peers"] === true),
  renderNodes: nodesTable,
  exitCode: ({ status: { readiness }, stuck }) =>
    readiness.serving && readiness.state === "proven" && stuck.length === 0
      ? exitCodes.ok
      : exitCodes.problem,
});
