/** What a script may rely on; `headcnictl --help` and README.md of this folder print the same. */
export const exitCodes = {
  ok: 0,
  problem: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  failed: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** In the order of the numbers, for help and documentation. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "done, nothing is wrong",
  problem: "done, and something is wrong",
  usage: "the command line or a file given on it is wrong",
  unreachable: "no daemon answers there",
  notFound: "what was asked for does not exist",
  failed: "the command failed",
  interrupted: "ended by Ctrl-C",
};
