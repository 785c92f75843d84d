import { askNodes, asksCluster, type NodeAnswer, worstCode } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand, CliContext, RunnableCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printDocument, visibleDocument } from "./document.ts";

/** A command whose whole answer is one document: printed as JSON, or as text made from that same document. */
export interface DocumentCommand<Document extends object> extends Omit<CliCommand, "run"> {
  /** Of the document; README.md has its fields. */
  readonly kind: string;
  /** Asks this node. Throws CliError. */
  readonly collect: (call: CliCall) => Promise<Document>;
  /** Without a line end; only from the document, so that another node's can be shown, too. */
  readonly render: (document: Document, context: CliContext, options: CliCall["options"]) => string;
  /** The documents of several nodes in one; default: one after another. */
  readonly renderNodes?: (nodes: readonly NodeDocument<Document>[], context: CliContext) => string;
  /** Default: always ok. */
  readonly exitCode?: (document: Document) => ExitCode;
}

export interface NodeDocument<Document> {
  readonly node: string;
  readonly document: Document;
}

/** With `--node` or `--all-nodes` the same command runs in HeadCNI's pods, and their documents are shown. */
export function documentCommand<Document extends object>(
  command: DocumentCommand<Document>,
): RunnableCommand {
  const { kind, collect, render, renderNodes, exitCode = () => exitCodes.ok, ...rest } = command;
  return {
    ...rest,
    run: async (call) => {
      const { context } = call;
      if (asksCluster(call)) {
        const answers = await askNodes(call, rest.options ?? []);
        context.out(
          context.json
            ? printDocument("NodeList", { nodes: answers })
            : nodesText(command, visibleDocument(answers), call),
        );
        return worstCode(answers);
      }
      const document = await collect(call);
      context.out(
        context.json
          ? printDocument(kind, document)
          : render(visibleDocument(document), context, call.options),
      );
      return exitCode(document);
    },
  };
}

function nodesText<Document extends object>(
  { render, renderNodes }: DocumentCommand<Document>,
  answers: readonly NodeAnswer[],
  { context, options }: CliCall,
): string {
  const { style } = context;
  // Our own headcnictl of the same cluster wrote it; its version may differ, so what is missing shows as such.
  const documents = answers.flatMap(({ node, document }) =>
    document === undefined ? [] : [{ node, document: document as Document }],
  );
  const failures = answers.flatMap(({ node, error }) =>
    error === undefined ? [] : [`${style.bad(node)}: ${error.message}`],
  );
  const parts =
    renderNodes !== undefined && documents.length > 1
      ? [renderNodes(documents, context)]
      : documents.map(
          ({ node, document }) => `${style.bold(`== ${node}`)}\n${render(document, context, options)}`,
        );
  return [...parts, ...(failures.length === 0 ? [] : [failures.join("\n")])].join("\n\n");
}
