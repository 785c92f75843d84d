import { fromPromise } from "xstate";
import { HeadcniError, toFailure } from "../domain/failure.ts";
import type { Conflist } from "../ports/conflist.ts";
import type { Kubernetes } from "../ports/kubernetes.ts";
import type { Owner } from "../ports/owner.ts";
import type { PodNetwork } from "../ports/pod-network.ts";
import type { PrefixMemory } from "../ports/prefix-memory.ts";
import type { ProofRecord } from "../ports/proof-record.ts";
import type { Tailnet } from "../ports/tailnet.ts";
import type { WireEnd } from "../ports/wire.ts";
import { cleanUpGuard, type GuardPorts } from "./guard-work.ts";
import { restoreAddresses } from "./kubernetes/restore-addresses.ts";

export interface CleanupPorts extends GuardPorts {
  readonly conflist: Pick<Conflist, "remove">;
  readonly kubernetes: Pick<Kubernetes, "follow" | "writeAddresses">;
  readonly nodeMemory: Pick<PrefixMemory, "recall">;
  readonly podNetwork: Pick<PodNetwork, "list" | "detach" | "removeLeaving">;
  readonly proof: Pick<ProofRecord, "remove">;
  readonly tailnet: Pick<Tailnet, "withdrawRoutes" | "recheckLogin" | "status" | "watch">;
  readonly owner: Pick<Owner, "undo">;
  readonly wire: WireEnd;
}

export interface CleanupOptions {
  /** As configured; empty: those that the node remembers. */
  readonly prefixes: readonly string[];
  readonly supernets: readonly string[];
  /** Whether this node's Node has addresses that are ours to take back, and these credentials may. */
  readonly restoresNode: boolean;
  /** The node's own tailscaled carried the pods. */
  readonly owners: boolean;
  /** Of the runtime and the state directory. */
  readonly directories: readonly string[];
  readonly removePlugin: () => Promise<void>;
  /** Empties a directory and removes it, if nothing is mounted on it. */
  readonly removeDirectory: (path: string) => Promise<void>;
}

/** What its owner has to do, in words. */
class OwnerLeftError extends HeadcniError<{ readonly code: "LEFT_WITH_OWNER" }> {}
class DetachError extends HeadcniError<{ readonly code: "NOT_DETACHED" }> {}

/** Effects of the cleanup machine. */
export function cleanupActors(ports: CleanupPorts, options: CleanupOptions) {
  const { conflist, kubernetes, nodeMemory, owner, podNetwork, proof, tailnet, wire } = ports;
  return {
    unpublish: fromPromise<void, void>(async () => {
      await conflist.remove();
      await options.removePlugin();
    }),
    restore: fromPromise<boolean, void>(
      async ({ signal }) =>
        options.restoresNode && (await restoreAddresses(kubernetes, options.supernets, signal)),
    ),
    withdraw: fromPromise<readonly string[] | null, void>(async ({ signal }) => {
      if (options.owners) {
        const { withdrawn, left } = await owner.undo(signal);
        if (left.length > 0) throw new OwnerLeftError(left.join("; "), { code: "LEFT_WITH_OWNER" });
        return withdrawn;
      }
      const prefixes = options.prefixes.length > 0 ? options.prefixes : await nodeMemory.recall();
      try {
        await tailnet.withdrawRoutes(prefixes, signal);
        return prefixes;
      } catch (error) {
        if (error instanceof HeadcniError && error.detail.code === "UNREACHABLE") return null;
        throw error;
      }
    }),
    confirm: fromPromise<void, { readonly prefixes: readonly string[] }>(
      async ({ input: { prefixes }, signal }) => {
        if (prefixes.length === 0) return;
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const look = async () => {
          const { self } = await tailnet.status(signal);
          if (!self.primaryRoutes.some((route) => prefixes.includes(route))) resolve();
        };
        const stop = tailnet.watch(() => void look().catch(reject), reject);
        signal.addEventListener("abort", reject);
        // Headscale 0.29 tells everybody but this node itself, until it is asked anew.
        tailnet.recheckLogin(signal).then(look).catch(reject);
        await promise.finally(stop);
      },
    ),
    detach: fromPromise<number, void>(async () => {
      const attachments = await podNetwork.list();
      const ends = await Promise.allSettled(attachments.map(({ hostLink }) => podNetwork.detach(hostLink)));
      await podNetwork.removeLeaving();
      const reasons = ends.flatMap((end) =>
        end.status === "rejected" ? [toFailure(end.reason).message] : [],
      );
      if (reasons.length > 0)
        throw new DetachError(
          `${reasons.length} of ${ends.length} attachments: ${[...new Set(reasons)].join("; ")}`,
          { code: "NOT_DETACHED" },
        );
      return ends.length;
    }),
    end: fromPromise<boolean, void>(({ signal }) => wire.end(signal)),
    removeGuard: fromPromise<void, void>(() => cleanUpGuard(ports)),
    removeRecords: fromPromise<void, void>(async () => {
      await proof.remove();
      for (const directory of options.directories) await options.removeDirectory(directory);
    }),
  };
}
