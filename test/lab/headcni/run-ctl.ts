import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { inNetns } from "../network/netns.ts";
import { type CommandLine, type CommandResult, runResult } from "../run-command.ts";

/** The command line of the bundled headcnictl of a lab's node, in the node's namespace. */
export function ctlCommand(lab: Lab, node: LabNode, words: readonly string[]): CommandLine {
  // Node, its options, and last the bundle, beside which headcnictl's stands.
  const daemon = lab.daemon ?? ["node", ""];
  const program = join(dirname(daemon.at(-1) ?? ""), "headcnictl.mjs");
  return inNetns(node.netns, [
    daemon[0],
    ...daemon.slice(1, -1),
    program,
    "--config",
    node.configFile,
    ...words,
  ]);
}

/** What stands for ssh in a lab, as the value of --via: the same program in the namespace of the node. */
export async function viaNodes(lab: Lab): Promise<string> {
  const script = join(lab.folder, "on-node");
  const cases = lab.nodes.map(
    (one) => `${one.name}) shift; exec ${ctlCommand(lab, one, []).join(" ")} "$@" ;;`,
  );
  await writeFile(script, `#!/bin/sh\ncase $1 in\n${cases.join("\n")}\nesac\n`, { mode: 0o755 });
  return `${script} {node}`;
}

/** Runs headcnictl to its end, as a person on the node would. */
export async function runCtl(lab: Lab, node: LabNode, words: readonly string[]): Promise<CommandResult> {
  return await runResult(ctlCommand(lab, node, words), { timeoutMs: 180_000 });
}

/** The document of `-o json`. Throws with what was printed when it is none. */
export async function ctlDocument<Document>(
  lab: Lab,
  node: LabNode,
  words: readonly string[],
): Promise<Document> {
  const { stdout, stderr, exitCode } = await runCtl(lab, node, [...words, "-o", "json"]);
  try {
    return JSON.parse(stdout) as Document;
  } catch (cause) {
    throw new Error(`headcnictl ${words.join(" ")} ended with ${exitCode}: ${stdout}${stderr}`, { cause });
  }
}
