/** What a script may rely on; `headcnictl --help` and README.md of this folder print the same. */
export const exitCodes = {
  /** Done, and nothing is wrong. */
  ok: 0,
  /** Done, and the answer is that something is wrong (not ready, a check failed, the call that was traced failed). */
  problem: 1,
  /** The command line or a file given on it is wrong. */
  usage: 2,
  /** No daemon answers there, or the API server does not lead to one. */
  unreachable: 3,
  /** What was asked for does not exist (a pod, a key, a machine). */
  notFound: 4,
  /** The command itself failed; the message says at what. */
  failed: 5,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** In the order of the numbers, for help and documentation. */
export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, "done, nothing is wrong"],
  [exitCodes.problem, "done, and something is wrong"],
  [exitCodes.usage, "the command line or a file given on it is wrong"],
  [exitCodes.unreachable, "no daemon answers there"],
  [exitCodes.notFound, "what was asked for does not exist"],
  [exitCodes.failed, "the command failed"],
  [exitCodes.interrupted, "ended by Ctrl-C"],
];
