import { clusterOf } from "../kubernetes/cluster.ts";
import type { Lab } from "../lab-types.ts";
import type { Progress } from "../progress.ts";
import { type StartOptions, startLab } from "../start-lab.ts";
import { stopLab } from "../stop-lab.ts";
import { stopLabOnInterrupt } from "../stop-on-interrupt.ts";
import type { Screen } from "./screen.ts";

/** A demo in a cluster: what stands above it, the lab that it needs, and what it shows; `show` is true if all of it is as it should be. */
export interface ClusterDemo {
  readonly title: string;
  readonly labHeading: string;
  readonly lab: StartOptions;
  readonly show: (screen: Screen, lab: Lab, progress: Progress) => Promise<boolean>;
}

/** Starts the lab of a demo, shows it, and takes the lab down unless it is to be kept. Returns 0 only if all is as it should be. */
export async function runDemo(
  demo: ClusterDemo,
  screen: Screen,
  progress: Progress,
  keep: boolean,
): Promise<number> {
  screen.print(screen.bold(demo.title));
  screen.heading(demo.labHeading);
  const interrupt = stopLabOnInterrupt(progress);
  const lab = await startLab({ ...demo.lab, progress, onClaimed: interrupt.watch });
  const good = await demo.show(screen, lab, progress).catch(async (error: unknown) => {
    if (!keep) await stopLab(lab.id, progress);
    throw error;
  });
  if (keep) {
    const { kubeconfig, netns } = clusterOf(lab);
    screen.heading("The lab stays up. Try");
    screen.print(
      `   npm run lab -- kubectl --id ${lab.id} -- get pods -A -o wide`,
      `   KUBECONFIG=${kubeconfig} in namespace ${netns}`,
      `   npm run lab -- down --id ${lab.id}`,
    );
  } else {
    screen.heading("Down");
    await stopLab(lab.id, progress);
  }
  interrupt.release();
  screen.print(
    "",
    good ? screen.good("All of it worked.") : screen.bad("Something above is not as it should be."),
  );
  return good ? 0 : 1;
}

/** Prints a line with the seconds since `start` before it. */
export function teller(screen: Screen, start = performance.now()): (text: string) => void {
  return (text) =>
    screen.print(`   ${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}
