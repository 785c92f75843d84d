import { connect, createServer, type Server, type Socket } from "node:net";
import { CliError } from "../cli-error.ts";
import { asksCluster } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { documentVersion, printJson } from "../document.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";

export const inspectCommand: CliCommand = {
  name: "inspect",
  summary: "opens a way to the daemon's inspector page and prints its address",
  synonyms: ["inspector", "open", "ui", "web"],
  options: [{ flags: "--port <port>", summary: "local port (default: any free one)" }],
  notes: [
    "Listens on 127.0.0.1 until Ctrl-C. The page must be enabled: monitoring.inspector: true.",
    "From another machine: ssh -L 9797:127.0.0.1:9797 NODE, or kubectl port-forward to the pod, port 9797.",
  ].join("\n"),
  run: runInspect,
};

async function runInspect(call: CliCall): Promise<ExitCode> {
  const { context, options } = call;
  if (asksCluster(call))
    throw new CliError(
      "inspect works on the node itself; for another one: kubectl port-forward to HeadCNI's pod there, port 9797, then open http://127.0.0.1:9797/inspect",
      { code: "USAGE" },
    );
  const { status } = await context.daemon.get("/inspect");
  if (status === 404)
    throw new CliError(
      "the daemon's inspector is off: set monitoring.inspector: true and restart the daemon",
      {
        code: "NOT_FOUND",
      },
    );
  const { server, connections } = forward(context.daemon.socketPath);
  const port = await listen(server, portOf(options["port"]));
  const url = `http://127.0.0.1:${port}/inspect`;
  context.out(
    context.json
      ? printJson({ apiVersion: documentVersion, kind: "Inspect", url })
      : `${context.style.bold(url)}\nopen until Ctrl-C`,
  );
  await new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    else context.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  server.close();
  // The page holds its stream of events open for ever.
  for (const connection of connections) connection.destroy();
  return exitCodes.ok;
}

/** Bytes both ways between a TCP connection and the daemon's socket; the end of one is the end of the other. */
function forward(socketPath: string): { readonly server: Server; readonly connections: ReadonlySet<Socket> } {
  const connections = new Set<Socket>();
  const server = createServer((incoming) => {
    const daemon = connect(socketPath);
    connections.add(incoming);
    incoming.once("close", () => connections.delete(incoming));
    const end = (one: Socket, other: Socket) => {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    };
    end(incoming, daemon);
    end(daemon, incoming);
    incoming.pipe(daemon).pipe(incoming);
  });
  return { server, connections };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new CliError(`127.0.0.1:${port} cannot be opened: ${cause.code}`, { code: "FAILED" }, { cause }),
      ),
    );
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function portOf(given: string | boolean | undefined): number {
  const port = Number(given ?? 0);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new CliError(`--port must be a whole number up to 65535, not "${given}"`, { code: "USAGE" });
}
