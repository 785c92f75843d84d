import type { CliCall, CliCommand, CliContext } from "./command.ts";
import { type DocumentHead, printJson } from "./document.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";

/** A command whose whole answer is one document: printed as JSON, or as text made from that same document. */
export interface DocumentCommand<Document extends DocumentHead<string>> extends Omit<CliCommand, "run"> {
  /** Asks this node. Throws CliError. */
  readonly collect: (call: CliCall) => Promise<Document>;
  /** Without a line end; only from the document, so that another node's can be shown, too. */
  readonly render: (document: Document, context: CliContext, options: CliCall["options"]) => string;
  /** Default: always ok. */
  readonly exitCode?: (document: Document) => ExitCode;
}

export function documentCommand<Document extends DocumentHead<string>>(
  command: DocumentCommand<Document>,
): CliCommand {
  const { collect, render, exitCode = () => exitCodes.ok, ...rest } = command;
  return {
    ...rest,
    run: async (call) => {
      const document = await collect(call);
      call.context.out(
        call.context.json ? printJson(document) : render(document, call.context, call.options),
      );
      return exitCode(document);
    },
  };
}
