import type { Enforced, PolicyNumbers, PolicyOrder } from "../../../machines/policy/policy-events.ts";
import type { KernelFlow } from "../../domain/kernel/kernel-flow.ts";
import { loadTable, type NftTable } from "../../domain/nftables/nft-table.ts";
import { flowJudge } from "../../domain/policy/flow-judge.ts";
import type { PolicyWorld } from "../../domain/policy/network-policy.ts";
import { policyChange } from "../../domain/policy/policy-change.ts";
import { type PolicyLedger, worldOf } from "../../domain/policy/policy-ledger.ts";
import { policyLimits } from "../../domain/policy/policy-limits.ts";
import { policyTableName } from "../../domain/policy/policy-plan.ts";
import { type PolicyState, policyState, policyTable } from "../../domain/policy/policy-table.ts";
import { changeDocument, type TableChange } from "../../domain/policy/table-change.ts";
import type { Firewall } from "../../ports/firewall.ts";
import type { KernelState } from "../../ports/kernel-state.ts";
import { visibleLine } from "../../protocol/visible-text.ts";
import { formerAddresses, vacantIn } from "./former-addresses.ts";

export interface PolicyPorts {
  readonly kernel: Pick<KernelState, "changeElements" | "watch" | "listFlows" | "endFlows">;
  readonly firewall: Pick<Firewall, "apply">;
}

interface InForce {
  readonly ledger: PolicyLedger;
  readonly world: PolicyWorld;
  readonly state: PolicyState;
  /** Elements of each set, by its name. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** Whose name our own loads have in what the kernel tells of them. */
const ourProgram = "nft";
const unknown = "an unknown program";

/** What keeps the table of policies in the node's namespace. */
export interface PolicyTableKeeper {
  /**
   * Has what follows from the ledger be in force, all at once or not at all: the whole table where that is ordered, the first time and after an error, else what is
   * different, for elements alone with no program started. Of an address that another pod had, flows that are forbidden now have ended then, too. One
   * at a time. Throws the ports' errors.
   */
  enforce(order: PolicyOrder, signal: AbortSignal): Promise<Enforced>;
  /** Ends flows of before that what is in force forbids, and those of pods that are gone; gives how many. Throws the port's errors. */
  endForbidden(signal: AbortSignal): Promise<number>;
  /** Calls back with the name of each other program that changed the table; gives the way to stop. */
  watch(changed: (process: string) => void): () => void;
}

export function policyTableKeeper({ kernel, firewall }: PolicyPorts, nodeName: string): PolicyTableKeeper {
  const former = formerAddresses(nodeName);
  let inForce: InForce | undefined;
  /** What was in force for sure, last. */
  let judged: InForce | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** Loads of ours of which the kernel has not told yet. */
  let own = 0;

  async function load(document: unknown, signal: AbortSignal): Promise<void> {
    own += 1;
    try {
      await firewall.apply("node", [{ tool: "nft", document }], signal);
    } catch (error) {
      own = 0;
      throw error;
    }
  }

  async function enforce({ ledger, whole }: PolicyOrder, signal: AbortSignal): Promise<Enforced> {
    if (whole) inForce = undefined;
    signal.throwIfAborted();
    const before = inForce;
    const known = judged;
    const world = worldOf(ledger, before);
    const state = policyState(world, policyLimits, before);
    // Whatever becomes of the change: nobody knows until it is done.
    inForce = undefined;
    let sizes: ReadonlyMap<string, number>;
    let narrows = true;
    if (before === undefined) {
      const table = policyTable(state);
      await load(loadTable(table), signal);
      sizes = sizesOf(table);
    } else {
      const change = policyChange(before.state, state);
      if (change.rules !== undefined)
        await load(changeDocument(policyTableName, { ...change, rules: change.rules }), signal);
      else if (change.elements.length > 0) await kernel.changeElements(policyTableName, change.elements);
      sizes = sizesAfter(before.sizes, change);
      narrows = mayForbid(change);
    }
    const next = { ledger, world, state, sizes };
    judged = next;
    const left = former.note(known?.world, world);
    await endOfFormer(former.suspects(isolatedBy(state), new Set(isolatedBy(before?.state))));
    inForce = next;
    return { numbers: numbersOf(state, sizes), problems: state.problems, narrows: narrows || left };
  }

  /** Ends what these addresses' policies forbid: it may be a former pod's, and the pod that has the address now must not inherit it. */
  async function endOfFormer(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    await end(await kernel.listFlows(addresses, []), []);
    former.settle(addresses);
  }

  /** Ends those that are forbidden, and those of `gone` addresses that still are nobody's. */
  async function end(flows: readonly KernelFlow[], gone: readonly string[]): Promise<number> {
    if (judged === undefined) return 0;
    const { world, state } = judged;
    const isForbidden = flowJudge(world, state.owners);
    const vacant = new Set(vacantIn(gone, world));
    const ending = flows.filter(
      (flow) => vacant.has(flow.source) || vacant.has(flow.destination) || isForbidden(flow),
    );
    if (ending.length > 0) await kernel.endFlows(ending);
    former.settle([...vacant]);
    return ending.length;
  }

  return {
    enforce: (order, signal) => {
      const next = last.then(() => enforce(order, signal));
      last = next.catch(() => undefined);
      return next;
    },
    endForbidden: async (signal) => {
      if (judged === undefined) return 0;
      const { world, state } = judged;
      const gone = vacantIn(former.left(), world);
      const unknown = former.unknownIn(world);
      const flows = await kernel.listFlows([...new Set([...isolatedBy(state), ...gone])], unknown);
      signal.throwIfAborted();
      former.learn(flows, world, unknown);
      return await end(flows, gone);
    },
    watch: (changed) => {
      // Of loads before nothing may be told any more; one that is told all the same costs a load.
      own = 0;
      return kernel.watch(({ namespace, what, subject, policies }) => {
        if (namespace !== "node") return;
        if (what === "overrun") {
          own = 0;
          changed(unknown);
        }
        if (what !== "nftables" || policies === undefined) return;
        if (subject === ourProgram && own > 0) own -= 1;
        else changed(visibleLine(subject));
      });
    },
  };
}

/** Addresses of this node's pods that a table isolates. */
function isolatedBy(state: PolicyState | undefined): readonly string[] {
  const addresses = (state?.plan.frame.maps ?? []).flatMap(({ elements }) =>
    elements.map(([address]) => address),
  );
  return [...new Set(addresses)];
}

/** Whether a flow of before may be one that is refused now: not where sets only grew and pods only went. */
function mayForbid({ rules, elements }: TableChange): boolean {
  return (
    rules !== undefined ||
    elements.some(({ kind, add, remove }) => (kind === "set" ? remove : add).length > 0)
  );
}

function sizesOf({ sets = [] }: NftTable): ReadonlyMap<string, number> {
  return new Map(sets.map(({ name, elements }) => [name, elements.length]));
}

function sizesAfter(before: ReadonlyMap<string, number>, { rules, elements }: TableChange) {
  const sizes = new Map(before);
  for (const { name, elements: added } of rules?.newSets ?? []) sizes.set(name, added.length);
  for (const name of rules?.goneSets ?? []) sizes.delete(name);
  for (const { kind, name, add, remove } of elements)
    if (kind === "set") sizes.set(name, (sizes.get(name) ?? 0) + add.length - remove.length);
  return sizes;
}

function numbersOf({ plan }: PolicyState, sizes: ReadonlyMap<string, number>): PolicyNumbers {
  const jumps = (plan.frame.maps ?? []).filter(({ name }) => name.startsWith("ingress"));
  return {
    isolated: jumps.reduce((sum, { elements }) => sum + elements.length, 0),
    elements: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}
