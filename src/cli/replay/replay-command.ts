import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { loadPageFiles } from "../../observe/inspector/page-files.ts";
import { jsonAnswer, sendAnswer } from "../../observe/pages/http-routes.ts";
import { refusalOf } from "../../observe/pages/local-pages.ts";
import { spanOf } from "../../observe/recorder/moments.ts";
import type { Recording } from "../../observe/recorder/read-recording.ts";
import { createReplayPages } from "../../observe/recorder/replay-pages.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { openListener } from "../inspect/local-listener.ts";
import { wholeNumber } from "../options/option-values.ts";
import { printDocument } from "../output/document.ts";
import { untilAborted } from "../until-aborted.ts";
import { openRecording } from "./recording-file.ts";

export const replayCommand: CliCommand = {
  name: "replay",
  summary: "opens the inspector page over what a node's machines did before diagnostics was run",
  synonyms: ["recording", "playback", "rewind"],
  arguments: [{ flags: "<file>", summary: "archive of diagnostics, or a recording.json out of one" }],
  options: [
    { flags: "--port <port>", summary: "local port (default: any free one)" },
    { flags: "--wire", summary: "what headcni-wire did instead of the daemon" },
  ],
  notes: [
    "Listens on 127.0.0.1 until Ctrl-C, and needs no node, cluster or network. A slider leads through the recorded minutes.",
    "With --node NAME the recording of that node, where the archive has several.",
  ].join("\n"),
  run: runReplay,
};

async function runReplay({ context, words, options }: CliCall): Promise<ExitCode> {
  const [file = ""] = words;
  const { nodes, allNodes } = context.target;
  const port = wholeNumber("--port", options["port"] ?? 0, [0, 65_535]);
  if (nodes.length > 1 || allNodes)
    throw new CliError("USAGE", "replay shows one node: name it with --node NAME, without --all-nodes");
  const program = options["wire"] === true ? "wire" : "daemon";
  context.progress.step(`Reading ${file}`);
  const recording = await openRecording(file, { node: nodes[0], program });
  const pages = await pageServer(recording);
  const listener = await openListener({
    port,
    carry: (incoming: Socket) => void pages.emit("connection", incoming),
    refused: () => undefined,
  });
  const { daemon, from, to } = spanOf(recording);
  const about = { url: listener.url, node: daemon.node, version: daemon.version, from, to };
  context.out(
    context.json
      ? printDocument("Replay", about)
      : [
          `${context.style.bold(about.url)}\nopen until Ctrl-C`,
          `${about.node} from ${new Date(from).toISOString()} to ${new Date(to).toISOString()}, HeadCNI ${about.version}`,
        ].join("\n"),
  );
  await untilAborted(context.signal);
  listener.close();
  return exitCodes.ok;
}

/** It listens on no port itself: connections are given to it. */
async function pageServer(recording: Recording): Promise<Server> {
  const files = await loadPageFiles().catch((cause: unknown) => {
    throw new CliError("FAILED", "the inspector's page is not part of this installation", cause);
  });
  const answer = createReplayPages(recording, files);
  return createServer((request, response) => {
    const url = URL.parse(request.url ?? "", "http://localhost");
    // Another origin's page must not read it, as it must not read a daemon's.
    const refusal = request.method === "GET" ? refusalOf(request, "/inspect") : "only GET";
    if (url === null || refusal !== undefined)
      sendAnswer(response, jsonAnswer(403, { error: refusal ?? "no URL" }));
    else answer(request, response, url);
  });
}
