import { parseArgs } from "node:util";
import { nodeAdd } from "./commands/add-node.ts";
import { attack } from "./commands/attack.ts";
import { type Command, type CommandArguments, print } from "./commands/command.ts";
import { down } from "./commands/down.ts";
import { exec, kubectl, nodeExec, tailscale } from "./commands/exec.ts";
import { faults } from "./commands/fault.ts";
import { list } from "./commands/list.ts";
import { logs } from "./commands/logs.ts";
import { nearest } from "./commands/nearest.ts";
import { podAdd, podDel, podList } from "./commands/pod.ts";
import { nodeOff, nodeOn } from "./commands/power.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { LabError } from "./lab-error.ts";

const commands: readonly Command[] = [
  up,
  podAdd,
  podDel,
  podList,
  exec,
  nodeExec,
  tailscale,
  kubectl,
  nodeAdd,
  nodeOff,
  nodeOn,
  ...faults,
  attack,
  status,
  logs,
  list,
  down,
];

/** Runs the command line of the lab and returns the exit code: 0, 1 for a failure, 2 for words it does not know. */
async function main(argv: readonly string[]): Promise<number> {
  const split = argv.indexOf("--");
  const words = split < 0 ? argv : argv.slice(0, split);
  const rest = split < 0 ? [] : argv.slice(split + 1);
  if (words.length === 0 || words.some((word) => word === "--help" || word === "-h" || word === "help")) {
    return help(words);
  }
  const command = commands.find((candidate) => candidate.words.every((word, index) => words[index] === word));
  if (command === undefined) return unknown(words);
  return await command.run(parse(command, words.slice(command.words.length), rest));
}

function parse(command: Command, args: readonly string[], rest: readonly string[]): CommandArguments {
  try {
    const parsed = parseArgs({ args: [...args], options: command.options, allowPositionals: true });
    return { ...parsed, rest };
  } catch (cause) {
    const problem = cause instanceof Error ? (cause.message.split(". ")[0] ?? "") : String(cause);
    const options = Object.keys(command.options).map((name) => `--${name}`);
    throw new LabError("BAD_OPTION", `${problem}; "${command.words.join(" ")}" takes ${options.join(" ")}`, {
      cause,
    });
  }
}

function help(words: readonly string[]): number {
  const wanted = words.filter((word) => !word.startsWith("-") && word !== "help");
  const shown = commands.filter((command) => wanted.every((word, index) => command.words[index] === word));
  print(
    "The lab: real Headscale, DERP relay, tailscaleds and HeadCNI daemons in network namespaces of this machine.",
    "Usage: npm run lab -- COMMAND. --json prints one JSON object on stdout (with `npm run -s`, nothing else).",
    "--id ID says which lab where several are up.",
    "",
    ...(shown.length === 0 ? commands : shown).flatMap((command) => [
      `  ${command.usage}`,
      `      ${command.summary}`,
    ]),
    "",
    "Options of up:",
    `  ${Object.keys(up.options)
      .map((name) => `--${name}`)
      .join(" ")}`,
  );
  return 0;
}

function unknown(words: readonly string[]): number {
  const given = words.filter((word) => !word.startsWith("-"));
  const names = commands.map((command) => command.words.join(" "));
  const guess = nearest(given.slice(0, 2).join(" "), names) ?? nearest(given[0] ?? "", names);
  const hint = guess === undefined ? "see npm run lab -- --help" : `did you mean: npm run lab -- ${guess}`;
  process.stderr.write(`no command "${given.join(" ")}"; ${hint}\n`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code === "BAD_OPTION" ? 2 : 1;
}
