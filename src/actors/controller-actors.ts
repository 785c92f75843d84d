import { fromPromise } from "xstate";
import type { LeaseReading, LeaseWrite } from "../../machines/controller/election-machine.ts";
import type { JoinKeyState } from "../../machines/controller/join-key-machine.ts";
import { podAutoApprovals } from "../domain/approval/auto-approvals.ts";
import { joinKeyLifeMs, judgeJoinKey, ownIdsAfter, shownPart } from "../domain/approval/join-key.ts";
import type { ApprovalJob, TailnetSurvey } from "../domain/approval/plan-work.ts";
import { readPolicy } from "../domain/headscale-policy/read-policy.ts";
import type { ControllerCluster } from "../ports/controller-cluster.ts";
import type { HeadscaleAdmin } from "../ports/headscale-admin.ts";

/** Effects of the machine `election`. */
export function electionActors(cluster: ControllerCluster, monotonicMs = () => performance.now()) {
  return {
    read: fromPromise<LeaseReading, void>(async ({ signal }) => ({
      lease: await cluster.readLease(signal),
      atMs: monotonicMs(),
    })),
    write: fromPromise<LeaseReading, LeaseWrite>(async ({ input: { lease, holder }, signal }) => ({
      lease: await cluster.writeLease(lease, holder, signal),
      atMs: monotonicMs(),
    })),
  };
}

/** Effects of the machine `approvals`. */
export function approvalsActors(headscale: HeadscaleAdmin, unixMs = Date.now) {
  return {
    survey: fromPromise<TailnetSurvey, { readonly supernets: readonly string[] }>(
      async ({ input: { supernets }, signal }) => {
        const policy = await headscale.readPolicy(signal);
        const autoApprovals = policy.trim() === "" ? [] : podAutoApprovals(readPolicy(policy), supernets);
        return { machines: await headscale.listMachines(signal), autoApprovals, atMs: unixMs() };
      },
    ),
    carryOut: fromPromise<void, { readonly job: ApprovalJob; readonly supernets: readonly string[] }>(
      async ({ input: { job, supernets }, signal }) => {
        if (job.kind === "removal") await headscale.removeMachine(job.machineId, signal);
        else await headscale.replaceRoutes(job.change.machineId, supernets, job.change.wanted, signal);
      },
    ),
  };
}

/** Effects of the machine `joinKey`. The key goes from Headscale into the Secret, and nowhere else. */
export function joinKeyActors({ headscale, cluster, tags }: JoinKeyPorts, unixMs = Date.now) {
  return {
    check: fromPromise<JoinKeyState, void>(async ({ signal }) => {
      const { authKey, record } = await cluster.readJoinSecret(signal);
      const { due } = judgeJoinKey(authKey, record, await headscale.listKeys(signal), unixMs());
      return { due, ownIds: record?.ownIds ?? [] };
    }),
    renew: fromPromise<JoinKeyState, void>(async ({ signal }) => {
      const { version, record } = await cluster.readJoinSecret(signal);
      const listed = await headscale.listKeys(signal);
      const { id, key, expiresAtMs } = await headscale.createKey(tags, joinKeyLifeMs, signal);
      const ownIds = ownIdsAfter(record, listed, id);
      try {
        await cluster.writeJoinSecret(
          version,
          key,
          { id, shown: shownPart(key), expiresAtMs, ownIds },
          signal,
        );
      } catch (error) {
        // Nobody has it: it is not to lie about. Failing that, it expires by itself.
        await headscale.expireKey(id, AbortSignal.timeout(5_000)).catch(() => undefined);
        throw error;
      }
      return { due: false, ownIds };
    }),
  };
}

export interface JoinKeyPorts {
  readonly headscale: HeadscaleAdmin;
  readonly cluster: ControllerCluster;
  /** Of the machines that join with the key. */
  readonly tags: readonly string[];
}
