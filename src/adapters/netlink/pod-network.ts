import type { PodNetwork } from "../../ports/pod-network.ts";
import { PodNetworkRefusal } from "./kernel-errors.ts";
import type { LinkReaper } from "./link-reaper.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Counts attachments under way, so that deletions can give way to them. */
export interface Activity {
  attachments: number;
}

/** The port PodNetwork: the worker does the work, the reaper deletes what was released. */
export function podNetwork(client: WorkerClient, reaper: LinkReaper, activity: Activity): PodNetwork {
  const detach: PodNetwork["detach"] = async (hostLink, released) => {
    if (await client.call("detach", hostLink)) reaper.add(hostLink, released);
    else released();
  };

  const attach: PodNetwork["attach"] = async (plan, signal) => {
    activity.attachments += 1;
    try {
      // The same key again, right after its release: the names of both ends must be free first.
      await reaper.settled(plan.hostLink);
      if (signal.aborted) throw cancelled(signal);
      const links = await client.call("attach", plan);
      if (!signal.aborted) return links;
      await detach(plan.hostLink, () => undefined);
      await reaper.settled(plan.hostLink);
      throw cancelled(signal);
    } finally {
      activity.attachments -= 1;
    }
  };

  return {
    attach,
    detach,
    list: () => client.call("list", null),
    recover: (routerAddresses) => client.call("recover", routerAddresses),
    check: async (plan, signal) => {
      if (signal.aborted) throw cancelled(signal);
      return client.call("check", plan);
    },
  };
}

function cancelled(signal: AbortSignal): PodNetworkRefusal {
  return new PodNetworkRefusal(
    "the attachment was cancelled",
    { code: "CANCELLED" },
    { cause: signal.reason },
  );
}
