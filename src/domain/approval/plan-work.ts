import type { NodeLedger } from "../kubernetes/node-ledger.ts";
import { departedMachines } from "./departed-machines.ts";
import { decideRoutes, type RouteChange, type RouteDecisions } from "./route-decisions.ts";
import type { TailnetMachine } from "./tailnet-machine.ts";

/** What Headscale and its policy say at one moment. */
export interface TailnetSurvey {
  readonly machines: readonly TailnetMachine[];
  /** autoApprovers of Headscale's policy that touch pods' addresses. */
  readonly autoApprovals: readonly string[];
  /** When that was, Unix time in ms. */
  readonly atMs: number;
}

/** One change of Headscale's. */
export type ApprovalJob =
  | { readonly kind: "routes"; readonly change: RouteChange }
  | { readonly kind: "removal"; readonly machineId: string; readonly name: string };

export interface WorkPlan extends Pick<RouteDecisions, "rows" | "strangers"> {
  readonly jobs: readonly ApprovalJob[];
}

export interface WorkTerms {
  readonly supernets: readonly string[];
  /** Ids of the controller's own pre-auth keys; none where no machine may be deleted. */
  readonly ownKeys: readonly string[];
}

/** Jobs of one look at most: the next look finds the others. */
const mostJobs = 64;

/** All that is to do, in this order: revocations, approvals, removals. */
export function planWork(
  ledger: NodeLedger,
  { machines, atMs }: TailnetSurvey,
  { supernets, ownKeys }: WorkTerms,
): WorkPlan {
  const { changes, rows, strangers } = decideRoutes(ledger, machines, supernets);
  const departed = departedMachines(Object.values(ledger.nodes), machines, ownKeys, atMs);
  const jobs: readonly ApprovalJob[] = [
    ...changes.map((change) => ({ kind: "routes" as const, change })),
    ...departed.map(({ id, name }) => ({ kind: "removal" as const, machineId: id, name })),
  ];
  return { jobs: jobs.slice(0, mostJobs), rows, strangers };
}
