import { daemonGet } from "../../../lab/headcni/daemon-pages.ts";
import type { LabNode } from "../../../lab/lab-types.ts";

/** One sample of /metrics: `headcni_route_state{prefix="10.244.1.0/24",state="serving"} 1`. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** All samples of a node's daemon (Prometheus text format). */
export async function samples(node: LabNode): Promise<readonly Sample[]> {
  const { body } = await daemonGet(node, "/metrics");
  return body.split("\n").flatMap((line) => {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) return [];
    const pairs = [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const labels = Object.fromEntries(pairs.map(([, key = "", value = ""]) => [key, value]));
    return [{ name: match[1] ?? "", labels, value: Number(match[3]) }];
  });
}

/** The sum of the samples of one metric whose labels include those given; 0 if there is none. */
export async function metric(
  node: LabNode,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const matching = (await samples(node)).filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}
