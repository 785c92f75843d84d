import type {
  AttachedLinks,
  AttachmentPlan,
  Mismatch,
  ObservedAttachment,
} from "../../../src/domain/attachment/attachment.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import type { PodNetwork, PodNetworkFailure } from "../../../src/ports/pod-network.ts";

class FakeError extends HeadcniError<PodNetworkFailure> {}

type Operation = "attach" | "detach" | "recover" | "check";

/**
 * The pods' kernel in memory. It keeps the port's promises (an attach is whole or leaves nothing, addresses and
 * interface names are exclusive) and records what was ever wrong with how it is used in `violations`.
 */
export function fakePodNetwork(earlier: readonly ObservedAttachment[] = []) {
  const links = new Map<string, AttachmentPlan>();
  const leaving = new Map<string, AttachmentPlan>();
  const foreignAddresses = new Set<string>();
  const calls: string[] = [];
  const violations: string[] = [];
  const failures: { readonly operation: Operation; readonly failure: PodNetworkFailure }[] = [];
  const gates = new Map<Operation, Promise<void>>();
  const running = new Set<string>();
  let isQuiet = false;

  const begin = async (operation: Operation, subject: string) => {
    if (!isQuiet) calls.push(`${operation} ${subject}`);
    if (running.has(subject)) violations.push(`${operation} ${subject} while another operation on it runs`);
    running.add(subject);
    try {
      const gate = gates.get(operation);
      if (gate !== undefined) await gate;
    } finally {
      running.delete(subject);
    }
    const next = failures.findIndex((entry) => entry.operation === operation);
    const [planned] = next === -1 ? [] : failures.splice(next, 1);
    if (planned !== undefined) throw new FakeError(`${operation}: ${planned.failure.code}`, planned.failure);
  };

  const port: PodNetwork = {
    async attach(plan): Promise<AttachedLinks> {
      await begin("attach", plan.hostLink);
      if (links.has(plan.hostLink) || leaving.has(plan.hostLink))
        violations.push(`attach ${plan.key}: link is there`);
      const shared = sharedAddress(plan, links.values()) ?? sharedAddress(plan, leaving.values());
      if (shared !== undefined) violations.push(shared);
      if ([...links.values()].some(({ netns, ifname }) => netns === plan.netns && ifname === plan.ifname))
        throw new FakeError("IFNAME_TAKEN", { code: "IFNAME_TAKEN", ifname: plan.ifname });
      const taken = plan.addresses.find((address) => foreignAddresses.has(address));
      if (taken !== undefined)
        throw new FakeError("ADDRESS_TAKEN", { code: "ADDRESS_TAKEN", address: taken });
      links.set(plan.hostLink, plan);
      return { netnsInode: `inode of ${plan.netns}` };
    },
    async detach(hostLink) {
      await begin("detach", hostLink);
      const plan = links.get(hostLink);
      links.delete(hostLink);
      if (plan !== undefined) leaving.set(hostLink, plan);
      return leaving.has(hostLink);
    },
    async removeLeaving() {
      const hostLinks = [...leaving.keys()];
      await releases;
      for (const hostLink of hostLinks) leaving.delete(hostLink);
    },
    async recover() {
      await begin("recover", "all");
      return earlier;
    },
    async list() {
      return earlier;
    },
    async check(plan): Promise<readonly Mismatch[]> {
      await begin("check", plan.hostLink);
      const found = links.get(plan.hostLink);
      if (found === undefined) return [{ what: "link", expected: plan.hostLink, found: "nothing" }];
      if (found.netns !== plan.netns && found.netns !== "")
        return [{ what: "link", expected: plan.ifname, found: `nothing in ${plan.netns}` }];
      return [];
    },
  };
  let releases: Promise<void> | undefined;

  for (const observed of earlier)
    links.set(observed.hostLink, { ...observed, netns: "", podMac: "", routerAddresses: [] });

  return {
    port,
    links,
    leaving,
    calls,
    violations,
    foreignAddresses,
    /** Stops keeping `calls`: for tests with very many of them. */
    quiet() {
      isQuiet = true;
    },
    failNext(operation: Operation, failure: PodNetworkFailure) {
      failures.push({ operation, failure });
    },
    /** Operations of this kind wait until the returned function is called. */
    holdUp(operation: Operation): () => void {
      const gate = Promise.withResolvers<void>();
      gates.set(operation, gate.promise);
      return () => {
        gates.delete(operation);
        gate.resolve();
      };
    },
    /** Links of detached pods stay until the returned function is called. */
    holdReleases(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      releases = promise;
      return () => {
        releases = undefined;
        resolve();
      };
    },
  };
}

/** An address that two plans share, or undefined. */
function sharedAddress(plan: AttachmentPlan, others: Iterable<AttachmentPlan>): string | undefined {
  for (const other of others) {
    const address = plan.addresses.find((mine) => other.addresses.includes(mine));
    if (address !== undefined) return `${address} given to ${plan.key} while ${other.key} has it`;
  }
  return undefined;
}
