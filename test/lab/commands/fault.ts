import { LabError } from "../lab-error.ts";
import { nodeOf, openLab } from "../lab-store.ts";
import { blockDirectPath, healNetwork, partitionNode, slowDown } from "../network/network-faults.ts";
import {
  killService,
  labServiceNames,
  nodeServiceNames,
  pauseService,
  resumeService,
  type Service,
  startService,
  stopService,
} from "../services.ts";
import {
  type Command,
  type CommandArguments,
  commonOptions,
  flag,
  oneOf,
  positionals,
  printJson,
  text,
} from "./command.ts";

const serviceWords = [...labServiceNames, ...nodeServiceNames.map((name) => `${name} NODE`)].join(" | ");

const verbs = {
  stop: { act: stopService, summary: "end a program with SIGTERM" },
  kill: { act: killService, summary: "end a program with SIGKILL" },
  start: { act: startService, summary: "start a program that was ended" },
  pause: { act: pauseService, summary: "freeze a program (SIGSTOP)" },
  resume: { act: resumeService, summary: "let a frozen program go on" },
} as const;

/** `fault stop|kill|start|pause|resume SERVICE [NODE]`. */
const serviceFaults: readonly Command[] = Object.entries(verbs).map(([verb, { act, summary }]) => {
  const usage = `fault ${verb} ${serviceWords}`;
  return {
    words: ["fault", verb],
    usage,
    summary,
    options: commonOptions,
    run: async (args) => {
      const service = serviceOf(args, usage);
      await act(await openLab(text(args, "id")), service);
      return done(args, { fault: verb, ...service });
    },
  };
});

const partitionUsage = "fault partition NODE";
const blockUsage = "fault block NODE NODE [--family 4|6]";
const slowUsage = "fault slow NODE --rate 10mbit [--delay 20ms]";
const healUsage = "fault heal";

export const faults: readonly Command[] = [
  ...serviceFaults,
  {
    words: ["fault", "partition"],
    usage: partitionUsage,
    summary: "drop everything from and to a node on the underlay",
    options: commonOptions,
    run: async (args) => {
      const [node] = positionals(args, ["NODE"], partitionUsage);
      const lab = await openLab(text(args, "id"));
      await partitionNode(lab, nodeOf(lab, node));
      return done(args, { fault: "partition", node });
    },
  },
  {
    words: ["fault", "block"],
    usage: blockUsage,
    summary: "block the direct path (UDP) between two nodes, leaving the relay, or that of one family alone",
    options: { ...commonOptions, family: { type: "string" } },
    run: async (args) => {
      const [a, b] = positionals(args, ["NODE", "NODE"], blockUsage);
      const lab = await openLab(text(args, "id"));
      const family = oneOf(args, "family", ["4", "6", "both"], "both");
      const families = family === "both" ? ([4, 6] as const) : ([family === "4" ? 4 : 6] as const);
      await blockDirectPath(lab, nodeOf(lab, a), nodeOf(lab, b), families);
      return done(args, { fault: "block", nodes: [a, b] });
    },
  },
  {
    words: ["fault", "slow"],
    usage: slowUsage,
    summary: "make a node's cable slow",
    options: { ...commonOptions, rate: { type: "string" }, delay: { type: "string" } },
    run: async (args) => {
      const [node] = positionals(args, ["NODE"], slowUsage);
      const lab = await openLab(text(args, "id"));
      const rate = text(args, "rate") ?? "10mbit";
      const delay = text(args, "delay");
      await slowDown(lab, nodeOf(lab, node), { rate, ...(delay === undefined ? {} : { delay }) });
      return done(args, { fault: "slow", node, rate });
    },
  },
  {
    words: ["fault", "heal"],
    usage: healUsage,
    summary: "undo every network fault (ended programs: fault start)",
    options: commonOptions,
    run: async (args) => {
      positionals(args, [], healUsage);
      await healNetwork(await openLab(text(args, "id")));
      return done(args, { healed: true });
    },
  },
];

function serviceOf(args: CommandArguments, usage: string): Service {
  const [name, node, ...more] = args.positionals;
  const wrong = (problem: string) => new LabError("BAD_OPTION", `${problem}: npm run lab -- ${usage}`);
  const single = labServiceNames.find((candidate) => candidate === name);
  if (single !== undefined) {
    if (node !== undefined) throw wrong(`${single} belongs to no node`);
    return { name: single };
  }
  const known = nodeServiceNames.find((candidate) => candidate === name);
  if (known === undefined)
    throw wrong(name === undefined ? "no program named" : `"${name}" is no program of the lab`);
  if (node === undefined || more.length > 0) throw wrong(`${known} of which node`);
  return { name: known, node };
}

function done(args: CommandArguments, answer: unknown): number {
  if (flag(args, "json")) printJson(answer);
  return 0;
}
