import type { ActorRefFrom } from "xstate";
import type { controllerMachine } from "../../../machines/controller/controller-machine.ts";
import { nodeVerdicts } from "../../domain/approval/route-decisions.ts";
import type { ControllerSources } from "../metrics/controller-metrics.ts";
import { stateName } from "./state-name.ts";

/** What pages and gauges tell of the controller, read off its machines at the moment somebody asks. */
export function controllerView(root: ActorRefFrom<typeof controllerMachine>) {
  const children = () => root.getSnapshot().children;
  const approvals = () => children().approvals?.getSnapshot();
  const leads = () => root.getSnapshot().matches({ working: "leading" });
  const nothing = { granted: 0, revoked: 0, removed: 0 };
  return {
    leads,
    /** Nodes by how far they have come; none while another controller leads. */
    nodes: () => {
      const rows = leads() ? (approvals()?.context.rows ?? []) : [];
      return nodeVerdicts.map((verdict) => ({
        verdict,
        count: rows.filter((row) => row.verdict === verdict).length,
      }));
    },
    strangers: () => approvals()?.context.strangers ?? 0,
    done: () => approvals()?.context.done ?? nothing,
    /** Body of `/debug/approval`. */
    page: () => {
      const [election, key] = [children().election?.getSnapshot(), children().joinKey?.getSnapshot()];
      const context = approvals()?.context;
      return {
        leads: leads(),
        holder: election?.context.observed?.lease.holder ?? "",
        approvals: approvals() === undefined ? "absent" : stateName(approvals()?.value ?? ""),
        joinKey: key === undefined ? "absent" : stateName(key.value),
        failure: context?.failure?.message ?? key?.context.failure?.message ?? "",
        autoApprovals: context?.autoApprovals ?? [],
        nodes: context?.rows ?? [],
        strangers: context?.strangers ?? 0,
        done: context?.done ?? nothing,
      };
    },
  } satisfies ControllerSources & { readonly page: () => unknown };
}
