import { connect, type Socket } from "node:net";
import { CliError } from "../cli-error.ts";
import { asksCluster } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { documentVersion, printJson } from "../document.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { untilAborted } from "../until-aborted.ts";
import { inspectNode } from "./inspect-node.ts";
import { mostConnections, openListener } from "./local-listener.ts";

export const inspectCommand: CliCommand = {
  name: "inspect",
  summary: "opens a way to the daemon's inspector page and prints its address",
  synonyms: ["inspector", "open", "ui", "web"],
  options: [{ flags: "--port <port>", summary: "local port (default: any free one)" }],
  notes: [
    "Listens on 127.0.0.1 until Ctrl-C. The page must be enabled: monitoring.inspector: true.",
    "With --node NAME the way leads through the Kubernetes API server to that node's daemon.",
    "From another machine without Kubernetes: ssh -L 9797:127.0.0.1:9797 NODE.",
  ].join("\n"),
  run: runInspect,
};

async function runInspect(call: CliCall): Promise<ExitCode> {
  const { context, options } = call;
  const port = portOf(options["port"]);
  const refused = warnOnce(context, `more than ${mostConnections} connections at once: one was refused`);
  const print = (url: string, node: Readonly<Record<string, string>>) =>
    context.out(
      context.json
        ? printJson({ apiVersion: documentVersion, kind: "Inspect", url, ...node })
        : `${context.style.bold(url)}\nopen until Ctrl-C`,
    );
  if (asksCluster(call)) {
    await inspectNode(context, { port, refused, print });
    return exitCodes.ok;
  }
  const { status } = await context.daemon.get("/inspect");
  if (status === 404)
    throw new CliError(
      "the daemon's inspector is off: set monitoring.inspector: true and restart the daemon",
      { code: "NOT_FOUND" },
    );
  const carry = (incoming: Socket) => join(incoming, connect(context.daemon.socketPath));
  const listener = await openListener({ port, carry, refused });
  print(listener.url, {});
  await untilAborted(context.signal);
  listener.close();
  return exitCodes.ok;
}

/** Bytes both ways; the end of one is the end of the other. */
function join(incoming: Socket, daemon: Socket): void {
  const end = (one: Socket, other: Socket) => {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  };
  end(incoming, daemon);
  end(daemon, incoming);
  incoming.pipe(daemon).pipe(incoming);
}

function warnOnce({ err }: CliCall["context"], text: string): () => void {
  let warned = false;
  return () => {
    if (!warned) err(text);
    warned = true;
  };
}

function portOf(given: string | boolean | undefined): number {
  const port = Number(given ?? 0);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new CliError(`--port must be a whole number up to 65535, not "${given}"`, { code: "USAGE" });
}
