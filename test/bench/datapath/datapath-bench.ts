import type { Progress } from "../../lab/progress.ts";
import type { CommandLine } from "../../lab/run-command.ts";
import { median, percentile, rotated } from "../report/statistics.ts";
import { measureThroughput } from "./iperf.ts";
import { measureRoundTrips } from "./ping.ts";

/** One end of a measured path: how to run a command there, and its address. */
export type Endpoint = { readonly enter: (command: CommandLine) => CommandLine; readonly address: string };

/** A path through the same tailnet: `pods` from pod to pod, `tailnet` from tailnet address to tailnet address. */
export type Path = { readonly name: "pods" | "tailnet"; readonly from: Endpoint; readonly to: Endpoint };

/** One path in one round. Round-trip times in microseconds. */
export type PathSample = {
  readonly path: Path["name"];
  readonly round: number;
  readonly megabitsPerSecond: number;
  readonly retransmits: number;
  readonly rttP50Us: number;
  readonly rttP99Us: number;
};

/** How long one throughput run lasts and how many pings one latency run sends. */
export type DatapathOptions = { readonly rounds: number; readonly seconds: number; readonly pings: number };

/**
 * Measures both paths round after round: round-trip times at once, for they drift by more than paths differ; throughput one after the
 * other, each round with the other one first.
 */
export async function benchDatapath(
  paths: readonly Path[],
  { rounds, seconds, pings }: DatapathOptions,
  progress: Progress,
): Promise<readonly PathSample[]> {
  const samples: PathSample[] = [];
  // The first packets of a path find it (disco), fill neighbour tables and wake conntrack: unmeasured.
  for (const path of paths) await measureRoundTrips(path, 20);
  for (let round = 0; round < rounds; round += 1) {
    const pinged = await Promise.all(
      paths.map(async (path) => ({ path, roundTrips: await measureRoundTrips(path, pings) })),
    );
    for (const { path, roundTrips } of rotated(pinged, round)) {
      const { megabitsPerSecond, retransmits } = await measureThroughput(path, seconds);
      const rttP50Us = median(roundTrips);
      const rttP99Us = percentile(roundTrips, 0.99);
      samples.push({ path: path.name, round, megabitsPerSecond, retransmits, rttP50Us, rttP99Us });
      const figures = `${megabitsPerSecond.toFixed(0)} Mbit/s, ${rttP50Us.toFixed(0)} us`;
      progress(`Datapath: round ${round + 1} of ${rounds}, ${path.name}: ${figures}`);
    }
  }
  return samples;
}
