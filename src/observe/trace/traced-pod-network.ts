import type { PodNetwork } from "../../ports/pod-network.ts";
import type { CallTraces } from "./call-traces.ts";

/** The port, with everything it does for an attachment told to the traces. */
export function tracedPodNetwork(
  podNetwork: PodNetwork,
  { worked }: Pick<CallTraces, "worked">,
  monotonicMs: () => number = () => performance.now(),
): PodNetwork {
  const leaving = new Set<string>();
  return {
    ...podNetwork,
    async attach(plan) {
      const at = monotonicMs();
      try {
        const links = await podNetwork.attach(plan);
        worked(plan, { name: "attach", at, parts: links.parts ?? [] });
        return links;
      } catch (error) {
        worked(plan, { name: "attach", at, error });
        throw error;
      }
    },
    async detach(hostLink) {
      const at = monotonicMs();
      try {
        const lingers = await podNetwork.detach(hostLink);
        worked({ hostLink }, { name: "detach", at });
        if (lingers) leaving.add(hostLink);
        return lingers;
      } catch (error) {
        worked({ hostLink }, { name: "detach", at, error });
        throw error;
      }
    },
    async removeLeaving() {
      const at = monotonicMs();
      const hostLinks = [...leaving];
      await podNetwork.removeLeaving();
      for (const hostLink of hostLinks) {
        leaving.delete(hostLink);
        worked({ hostLink }, { name: "delete link", at });
      }
    },
    async check(plan) {
      const at = monotonicMs();
      try {
        const mismatches = await podNetwork.check(plan);
        worked(plan, { name: "check", at });
        return mismatches;
      } catch (error) {
        worked(plan, { name: "check", at, error });
        throw error;
      }
    },
  };
}
