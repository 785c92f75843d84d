import { parseArgs } from "node:util";
import type { LabOptions, Mode } from "../lab/lab-types.ts";
import { BenchError } from "./bench-error.ts";
import { modeOf, modeOption } from "./mode-option.ts";

/** The parts of the benchmark, in the order they run. */
export const parts = [
  "recorder",
  "add",
  "del",
  "stub",
  "datapath",
  "restore",
  "rss",
  "start",
  "policy",
] as const;
export type Part = (typeof parts)[number];

/** What `npm run bench` takes. */
export type Options = {
  readonly json: boolean;
  readonly help: boolean;
  readonly only: readonly Part[];
  readonly rounds: number;
  /** Pods per batch of ADDs and DELs. */
  readonly pods: number;
  /** Length of one throughput run. */
  readonly seconds: number;
  readonly idleSeconds: number;
  /** Restarts after SIGTERM, and as many after SIGKILL. */
  readonly restarts: number;
  /** Machines in the tailnet besides the lab's nodes, for memory and restarts. */
  readonly peers: number;
  readonly profile: boolean;
  readonly daemon: LabOptions["daemon"];
  readonly mode: Mode;
};

export const usage = `Measures HeadCNI beside the CNI project's bridge and ptp plugins, on real nodes of a lab.
Usage: npm run bench -- [OPTION...]     (as root; takes about twenty minutes)
       npm run bench -- storm [--lives N]     (what 100,000 pod lives leave behind)
       npm run bench -- kills [--kills N]     (the daemon killed under a storm of ADD and DEL)
       npm run bench -- outages [--kills N] [--away-kills N] [--minutes N]     (silences when things die)
       npm run bench -- pods [--help]         (a node's worth of pods at once in a cluster, beside the reference plugins)
       npm run bench -- inspector [--help]     (what the inspector costs an ADD, how quick its page is)
       npm run bench -- nodes [--help]        (thousands of Nodes in a cluster)
Each ends with code 1 when a bar is missed, which it names in a line of its own (MISSED), or when nothing was measured.
  --json             one JSON object on stdout (with \`npm run -s\`, nothing else) instead of the table
  --only PARTS       some of: ${parts.join(",")}
  --rounds N         interleaved rounds (9), three times as many of the datapath; policy has a lab of its own
  --pods N           pods per batch of ADDs and DELs, at most 110 (100)
  --seconds N        length of one throughput run (2)
  --idle-seconds N   how long the daemon idles for its CPU time (60)
  --restarts N       daemon restarts of each kind, SIGTERM and SIGKILL (5)
  --peers N          further machines in the tailnet while memory and restarts are measured (998)
  --profile          afterwards profile the daemon under ADD and DEL and name the costliest functions
  --mode MODE        daemon (the default) or host; also of storm, kills and outages
  --daemon KIND      bundle, source, or none: the reference ptp plugin in our place, to try the harness
`;

const spec = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  only: { type: "string" },
  rounds: { type: "string" },
  pods: { type: "string" },
  seconds: { type: "string" },
  "idle-seconds": { type: "string" },
  restarts: { type: "string" },
  peers: { type: "string" },
  profile: { type: "boolean" },
  daemon: { type: "string" },
  ...modeOption,
} as const;

type Range = { readonly otherwise: number; readonly least: number; readonly most: number };

/** Reads the command line. Throws BenchError BAD_OPTION with what is wrong. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parsed(argv);
  return {
    json: values.json === true,
    help: values.help === true,
    only: values.only === undefined ? parts : partsOf(values.only),
    rounds: count("rounds", values.rounds, { otherwise: 9, least: 1, most: 100 }),
    pods: count("pods", values.pods, { otherwise: 100, least: 1, most: 110 }),
    seconds: count("seconds", values.seconds, { otherwise: 2, least: 1, most: 60 }),
    idleSeconds: count("idle-seconds", values["idle-seconds"], { otherwise: 60, least: 1, most: 3600 }),
    restarts: count("restarts", values.restarts, { otherwise: 5, least: 1, most: 100 }),
    peers: count("peers", values.peers, { otherwise: 998, least: 0, most: 10_000 }),
    profile: values.profile === true,
    daemon: kind(values.daemon),
    mode: modeOf(values.mode),
  };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: spec });
  } catch (cause) {
    throw new BenchError("BAD_OPTION", `${cause instanceof Error ? cause.message : cause}; see --help`, {
      cause,
    });
  }
}

function partsOf(list: string): readonly Part[] {
  return list.split(",").map((name) => {
    const part = parts.find((candidate) => candidate === name.trim());
    if (part === undefined)
      throw new BenchError("BAD_OPTION", `--only takes ${parts.join(",")}, not "${name}"`);
    return part;
  });
}

function kind(given: string | undefined): LabOptions["daemon"] {
  if (given === undefined) return "bundle";
  if (given === "bundle" || given === "source" || given === "none") return given;
  throw new BenchError("BAD_OPTION", `--daemon is bundle, source or none, not "${given}"`);
}

function count(name: string, given: string | undefined, { otherwise, least, most }: Range): number {
  const value = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new BenchError("BAD_OPTION", `--${name} is a whole number from ${least} to ${most}, not "${given}"`);
}
