import { fromPromise } from "xstate";
import type { HeadscaleResult, HeadscaleTask } from "../../../machines/headscale/headscale-jobs.ts";
import type { Headscale } from "../../ports/headscale.ts";

/** Effects of the headscale machine. */
export function headscaleActors(headscale: Headscale) {
  return {
    probe: fromPromise<void, { readonly authenticates: boolean }>(async ({ input, signal }) => {
      // Without a key first: an unreachable server must not look like a refused key.
      await headscale.probe(signal);
      if (input.authenticates) await headscale.authenticate(signal);
    }),
    serve: fromPromise<HeadscaleResult, { readonly task: HeadscaleTask }>(
      async ({ input: { task }, signal }) => {
        if (task.kind === "authKey") return { authKey: await headscale.createAuthKey(task.tags, signal) };
        if (task.kind === "departure") {
          await headscale.removeNode(task.hostname, task.prefixes, signal);
          return {};
        }
        const node = await headscale.approveRoutes(task.nodeId, task.prefixes, signal);
        return { serving: node.servingRoutes };
      },
    ),
  };
}
