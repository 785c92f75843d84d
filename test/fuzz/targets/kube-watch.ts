import { KubernetesRequestError } from "../../../src/adapters/kubernetes/kubernetes-error.ts";
import { createLineDecoder } from "../../../src/adapters/kubernetes/line-decoder.ts";
import { trim } from "../../../src/adapters/kubernetes/trim-objects.ts";
import { readWatchLine } from "../../../src/adapters/kubernetes/watch-events.ts";
import { type FuzzTargetSource, wordsOf } from "../fuzz-target.ts";

function declared(error: unknown): string | undefined {
  return error instanceof KubernetesRequestError ? error.detail.code : undefined;
}

function read(line: string): unknown {
  const event = readWatchLine(line);
  if (event.kind === "bookmark") return event;
  return [event.kind, trim.nodes(event.object), trim.ownNode(event.object), trim.pods(event.object)];
}

/** The input is what a watch brings. */
export const kubeWatch: FuzzTargetSource = {
  words: [
    ...[
      "\n",
      '{"type":"ADDED","object":',
      '{"type":"DELETED","object":',
      '{"type":"BOOKMARK","object":',
      '{"type":"ERROR","object":',
    ],
    ...[
      '"metadata":{"resourceVersion":"1","uid":"u","name":"n"}',
      '"podCIDR":"10.244.1.0/24"',
      '"podCIDRs":["fd00::/64"]',
    ],
    ...['"k8s.io/initial-events-end":"true"', '"code":410', '"conditions":[', '"addresses":['],
  ],
  open: () => ({
    run(input) {
      const decoder = createLineDecoder(32 * 1024);
      const half = input.length >> 1;
      const lines: string[] = [];
      const split = wordsOf(() => {
        for (const part of [input.subarray(0, half), input.subarray(half)]) lines.push(...decoder.push(part));
      }, declared);
      const words = lines.slice(0, 64).map((line) => wordsOf(() => read(line), declared));
      return [split, ...new Set(words)].slice(0, 4).join(" | ");
    },
  }),
};
