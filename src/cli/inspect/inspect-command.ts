import { connect, type Socket } from "node:net";
import { stayMinutes } from "../../observe/inspector/stay-minutes.ts";
import { CliError } from "../cli-error.ts";
import { askNodes, asksCluster, type NodeAnswer } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand } from "../command.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { wholeNumber } from "../options/option-values.ts";
import { printDocument } from "../output/document.ts";
import { untilAborted } from "../until-aborted.ts";
import { wireClient } from "../wire-client.ts";
import { inspectNode } from "./inspect-node.ts";
import { maxConnections, openListener } from "./local-listener.ts";

const { min, max, usual } = stayMinutes;
const options: NonNullable<CliCommand["options"]> = [
  { flags: "--port <port>", summary: "local port (default: any free one)" },
  {
    flags: "--minutes <count>",
    summary: `how long the inspector stays on at most, ${min} to ${max} (default ${usual})`,
  },
  { flags: "--wire", summary: "inspect headcni-wire on this node instead of the daemon" },
  { flags: "--on", summary: "switch it on, print until when, and exit" },
];

export const inspectCommand: CliCommand = {
  name: "inspect",
  summary: "open the daemon's inspector page and print its address",
  synonyms: ["inspector", "open", "ui", "web"],
  options,
  notes: [
    "Listens on 127.0.0.1 until Ctrl-C. Switches the inspector on in the running program, which loses no state; it goes off by",
    "itself after --minutes, or five minutes after its last viewer left, unless monitoring.inspector is true.",
    "With --node NAME the way leads through the Kubernetes API server to that node's daemon.",
    "From another machine without Kubernetes: ssh -L 9797:127.0.0.1:9797 NODE.",
  ].join("\n"),
  run: runInspect,
};

async function runInspect(call: CliCall): Promise<ExitCode> {
  const { context, options: given } = call;
  const port = wholeNumber("--port", given["port"] ?? 0, [0, 65_535]);
  wholeNumber("--minutes", given["minutes"] ?? usual, [min, max]);
  const refused = warnOnce(context, `more than ${maxConnections} connections at once: one was refused`);
  const print = (about: {
    readonly url?: string;
    readonly until?: string | null;
    readonly node?: string;
  }) => {
    const lines = [
      about.url && `${context.style.bold(about.url)}\nopen until Ctrl-C`,
      about.until && `the inspector is on until ${about.until} at the latest`,
    ];
    context.out(context.json ? printDocument("Inspect", about) : lines.filter(Boolean).join("\n"));
  };
  if (asksCluster(call)) {
    if (given["wire"] === true)
      throw new CliError("USAGE", "--wire shows headcni-wire of this node: run it there, without --node");
    await inspectNode(context, {
      port,
      refused,
      switchOn: () => switchOnThere(call),
      print: (url, node) => print({ url, ...node }),
    });
    return exitCodes.ok;
  }
  const { daemon } = context;
  const program = given["wire"] === true ? wireClient(daemon) : daemon;
  const until = await switchOn(program, given["minutes"]);
  if (given["on"] === true) {
    print({ until });
    return exitCodes.ok;
  }
  const carry = (incoming: Socket) => pair(incoming, connect(program.socketPath));
  const listener = await openListener({ port, carry, refused });
  print({ url: listener.url, until });
  await untilAborted(context.signal);
  listener.close();
  return exitCodes.ok;
}

/** Gives why the daemon of the node that was named did not. */
async function switchOnThere(call: CliCall): Promise<NodeAnswer["error"]> {
  const passedOn = options.filter(({ flags }) => !flags.startsWith("--port"));
  const [answer] = await askNodes({ ...call, options: { ...call.options, on: true } }, passedOn);
  return answer?.error;
}

/** Gives until when the inspector is on at the latest; null: for good. Throws CliError. */
async function switchOn(
  program: DaemonClient,
  minutes: string | boolean | undefined,
): Promise<string | null> {
  const query = minutes === undefined ? "" : `?minutes=${encodeURIComponent(minutes)}`;
  const { status, body } = await program.post(`/inspect${query}`);
  if (status === 200) return (JSON.parse(body) as { readonly until: string | null }).until;
  // An earlier release: only its configuration switches it on.
  if (status === 405 && (await program.get("/inspect")).status === 200) return null;
  if (status === 405)
    throw new CliError(
      "NOT_FOUND",
      "this daemon's inspector cannot be switched on while it runs: set monitoring.inspector: true and restart the daemon",
    );
  const code = status === 400 ? "USAGE" : "FAILED";
  throw new CliError(code, `the inspector was not switched on (status ${status}): ${body.trim()}`);
}

/** Bytes both ways; the end of one is the end of the other. */
function pair(incoming: Socket, daemon: Socket): void {
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
