import type { AttachedLinks, WorkPart } from "../../domain/attachment/attachment.ts";
import type { PodNetwork } from "../../ports/pod-network.ts";
import type { CallTraces } from "./call-traces.ts";

/** The port, with everything it does for an attachment told to the traces. */
export function tracedPodNetwork(
  podNetwork: PodNetwork,
  { worked }: Pick<CallTraces, "worked">,
  monotonicMs: () => number = () => performance.now(),
): PodNetwork {
  const leaving = new Set<string>();

  async function timed<Result>(
    hostLink: string,
    name: string,
    work: () => Promise<Result>,
    partsOfResult: (result: Result) => readonly WorkPart[] = () => [],
  ): Promise<Result> {
    const at = monotonicMs();
    try {
      const result = await work();
      worked(hostLink, { name, at, parts: partsOfResult(result) });
      return result;
    } catch (error) {
      worked(hostLink, { name, at, error });
      throw error;
    }
  }

  return {
    ...podNetwork,
    attach: (plan) => timed(plan.hostLink, "attach", () => podNetwork.attach(plan), partsOf),
    async detach(hostLink) {
      const lingers = await timed(hostLink, "detach", () => podNetwork.detach(hostLink));
      if (lingers) leaving.add(hostLink);
      return lingers;
    },
    async removeLeaving() {
      const at = monotonicMs();
      const hostLinks = [...leaving];
      await podNetwork.removeLeaving();
      for (const hostLink of hostLinks) {
        leaving.delete(hostLink);
        worked(hostLink, { name: "delete link", at });
      }
    },
    check: (plan) => timed(plan.hostLink, "check", () => podNetwork.check(plan)),
  };
}

function partsOf({ parts = [] }: AttachedLinks): readonly WorkPart[] {
  return parts;
}
