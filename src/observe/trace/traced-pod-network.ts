import type { PodNetwork } from "../../ports/pod-network.ts";
import type { CallTraces } from "./call-traces.ts";

/** The port, with everything it does for an attachment told to the traces. */
export function tracedPodNetwork(
  podNetwork: PodNetwork,
  { worked }: Pick<CallTraces, "worked">,
  monotonicMs: () => number = () => performance.now(),
): PodNetwork {
  return {
    ...podNetwork,
    async attach(plan, signal) {
      const at = monotonicMs();
      try {
        const links = await podNetwork.attach(plan, signal);
        worked(plan, { name: "attach", at, parts: links.parts ?? [] });
        return links;
      } catch (error) {
        worked(plan, { name: "attach", at, error });
        throw error;
      }
    },
    async detach(hostLink, released) {
      const at = monotonicMs();
      try {
        await podNetwork.detach(hostLink, () => {
          worked({ hostLink }, { name: "delete link", at });
          released();
        });
        worked({ hostLink }, { name: "detach", at });
      } catch (error) {
        worked({ hostLink }, { name: "detach", at, error });
        throw error;
      }
    },
    async check(plan, signal) {
      const at = monotonicMs();
      try {
        const mismatches = await podNetwork.check(plan, signal);
        worked(plan, { name: "check", at });
        return mismatches;
      } catch (error) {
        worked(plan, { name: "check", at, error });
        throw error;
      }
    },
  };
}
