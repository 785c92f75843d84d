import { comparePolicy } from "../../../src/domain/headscale-policy/compare-policy.ts";
import { type PolicySettings, policyNeeds } from "../../../src/domain/headscale-policy/policy-needs.ts";
import { PolicyTextError } from "../../../src/domain/headscale-policy/policy-text-error.ts";
import { type FuzzTargetSource, wordsOf } from "../fuzz-target.ts";

const settings: PolicySettings = {
  supernets: ["10.244.0.0/16", "fd00:10:244::/48"],
  mode: "host",
  approves: true,
  tags: ["tag:k8s-node"],
};
const needs = policyNeeds(settings, [{ names: ["tag:k8s-node"] }, { names: ["alice@"] }], undefined);

/** Where a fault is said to be has to be in the text. */
function declared(text: string, error: unknown): string | undefined {
  if (!(error instanceof PolicyTextError)) return undefined;
  const { code, at, fault } = error.detail;
  const line = text.split("\n")[at.line - 1];
  if (line === undefined || at.column < 1 || at.column > line.length + 1)
    throw new Error(`no line ${at.line} with column ${at.column}`, { cause: error });
  return `${code} ${fault}`;
}

/** The input is a policy in HuJSON. */
export const headscalePolicy: FuzzTargetSource = {
  words: [
    ...['"tagOwners":{"tag:k8s-node":[]},', '"autoApprovers":{"routes":{"10.244.0.0/16":["tag:k8s-node"]}},'],
    ...[
      '"grants":[{"src":["*"],"dst":["*"],"ip":["*"]}],',
      '"via":["tag:a"]',
      '"app":{}',
      '"ip":["tcp:443"]',
    ],
    ...[
      '"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}],',
      '"proto":"udp"',
      '"[fd00::1]:80"',
      '"a:1-2"',
    ],
    ...['"groups":{"group:a":["alice@"]},', '"hosts":{"pods":"10.244.0.0/16"},', '"exitNode":["tag:a"]'],
    ...['"nodeAttrs":[{"target":["*"],"attr":["a"]}],', '"tests":[{"src":"*","accept":["a:1"],"deny":[]}],'],
    ...["// a\n", "/* a */", "/*", ",", "{", "}", "[", "]", ":", '"', "\\", "\\u0000", "\\ud800", "\0", "\r"],
    ...["null", "true", "0", "-1e9", "NaN", "Infinity", "'a'", "a:", "+1", ".5", "0x1", "\u2028", "\ufeff"],
  ],
  open: () => ({
    run(input) {
      const text = input.toString("utf8");
      return wordsOf(
        () => comparePolicy(text, needs).map(({ kind, part }) => ({ [kind]: part })),
        (error) => declared(text, error),
      );
    },
  }),
};
