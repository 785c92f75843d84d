import type { GuardLook, RepairOrder, RepairResult } from "../../machines/guard/guard-events.ts";
import { type Failure, toFailure } from "../domain/failure.ts";
import { planCleanup } from "../domain/guard/guard-cleanup.ts";
import type { GuardInvariant } from "../domain/guard/guard-invariants.ts";
import type {
  GuardObservation,
  GuardScope,
  NamespaceObservation,
  Repair,
} from "../domain/guard/guard-observation.ts";
import { findBroken } from "../domain/guard/guard-plan.ts";
import type { GuardSettings, HostCarrier, HostGuard } from "../domain/guard/guard-settings.ts";
import { desiredSysctls, type Sysctls, sysctlsToRemember } from "../domain/guard/guard-sysctls.ts";
import { bootRepairs } from "../domain/host-guard/boot-guard.ts";
import type { NamespaceName } from "../domain/kernel/kernel-state.ts";
import type { Firewall } from "../ports/firewall.ts";
import type { KernelState } from "../ports/kernel-state.ts";
import type { SysctlMemory } from "../ports/sysctl-memory.ts";

export interface GuardPorts {
  readonly kernel: KernelState;
  readonly firewall: Firewall;
  readonly sysctlMemory: SysctlMemory;
}

type GuardView = Pick<GuardLook, "scope" | "tailnetOpen">;

/** Names of what does not hold. Throws the ports' errors when the namespaces cannot be read. */
export async function checkInvariants(
  ports: GuardPorts,
  settings: GuardSettings,
  view: GuardView,
  signal?: AbortSignal,
): Promise<readonly GuardInvariant[]> {
  const broken = findBroken(settings, await look(ports, settings, view, signal));
  return [...new Set(broken.map(({ invariant }) => invariant))];
}

/**
 * Looks again and repairs what is broken now: what healed since the check was a change in progress. An invariant that
 * cannot be repaired does not keep the others from being repaired.
 */
export async function repairInvariants(
  ports: GuardPorts,
  settings: GuardSettings,
  order: GuardView & Pick<RepairOrder, "leave">,
  signal?: AbortSignal,
): Promise<Omit<RepairResult, "at">> {
  const observation = await look(ports, settings, order, signal);
  const repaired = new Set<GuardInvariant>();
  const refused: { invariant: GuardInvariant; failure: Failure }[] = [];
  for (const { invariant, repairs } of findBroken(settings, observation)) {
    if (order.leave.includes(invariant)) continue;
    for (const repair of repairs) {
      signal?.throwIfAborted();
      try {
        await rememberSysctls(ports, observation, repair);
        await applyRepair(ports, repair, signal);
        repaired.add(invariant);
      } catch (error) {
        refused.push({ invariant, failure: toFailure(error) });
      }
    }
  }
  return {
    repaired: [...repaired].filter((name) => !refused.some((entry) => entry.invariant === name)),
    refused,
  };
}

/**
 * Loads what must stand before the node's own tailscaled sends its first packet. Does all it can, then throws the first of the ports'
 * errors.
 */
export async function loadBootGuard(
  ports: Pick<GuardPorts, "kernel" | "firewall">,
  shared: Omit<HostGuard, "carrier" | "services">,
  remembered: Omit<HostCarrier, "kind">,
  allowlist: boolean,
): Promise<void> {
  await applyAll(ports, bootRepairs(shared, remembered, await observe(ports, "node", "all"), allowlist));
}

/**
 * Takes everything of the guard out of the node; what the guard held is then open. What it made in the tailnet namespace goes
 * with that. Does all it can, then throws the first of the ports' errors; repeatable.
 */
export async function cleanUpGuard(ports: GuardPorts): Promise<void> {
  const node = await observe(ports, "node", "all");
  await applyAll(ports, planCleanup(node, await ports.sysctlMemory.recall()));
  await ports.sysctlMemory.forget();
}

async function applyAll(
  ports: Pick<GuardPorts, "kernel" | "firewall">,
  repairs: readonly Repair[],
): Promise<void> {
  const errors: unknown[] = [];
  for (const repair of repairs)
    await applyRepair(ports, repair).catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}

async function look(
  ports: GuardPorts,
  settings: GuardSettings,
  { scope, tailnetOpen }: GuardView,
  signal?: AbortSignal,
): Promise<GuardObservation> {
  const see = async (namespace: NamespaceName): Promise<NamespaceObservation> => {
    const seen = await observe(ports, namespace, scope, signal);
    const names = desiredSysctls(settings, namespace, seen.kernel).map(({ name }) => name);
    return { ...seen, sysctls: await readSysctls(ports.kernel, namespace, names) };
  };
  // The node's own tailscaled stands in the node's namespace.
  const other = tailnetOpen && settings.carrier.kind === "namespace";
  const [node, tailnet] = await Promise.all([see("node"), other ? see("tailnet") : undefined]);
  return { node, ...(tailnet === undefined ? {} : { tailnet }) };
}

async function observe(
  { kernel, firewall }: Pick<GuardPorts, "kernel" | "firewall">,
  namespace: NamespaceName,
  scope: GuardScope,
  signal?: AbortSignal,
): Promise<NamespaceObservation> {
  const [snapshot, rules] = await Promise.all([
    kernel.observe(namespace),
    scope === "all" ? firewall.observe(namespace, signal) : undefined,
  ]);
  return { kernel: snapshot, sysctls: {}, ...(rules === undefined ? {} : { firewall: rules }) };
}

/** A link may go between two looks, and its sysctls with it: then name by name, without those that are gone. */
async function readSysctls(
  kernel: KernelState,
  namespace: NamespaceName,
  names: readonly string[],
): Promise<Sysctls> {
  try {
    return await kernel.readSysctls(namespace, names);
  } catch {
    const each = await Promise.all(
      names.map((name) => kernel.readSysctls(namespace, [name]).catch(() => ({}))),
    );
    return Object.assign({}, ...each);
  }
}

/** Before the first change of a sysctl that was the node's own. */
async function rememberSysctls(
  { kernel, sysctlMemory }: GuardPorts,
  observation: GuardObservation,
  repair: Repair,
): Promise<void> {
  if (repair.kind !== "sysctls" || repair.namespace !== "node") return;
  for (const names of sysctlsToRemember(observation.node.kernel))
    if (Object.keys(repair.values).some((name) => names.includes(name)))
      await sysctlMemory.remember(await readSysctls(kernel, "node", names));
}

async function applyRepair(
  { kernel, firewall }: Pick<GuardPorts, "kernel" | "firewall">,
  repair: Repair,
  signal?: AbortSignal,
): Promise<void> {
  switch (repair.kind) {
    case "kernel":
      return kernel.apply(repair.namespace, repair.operations);
    case "sysctls":
      return kernel.writeSysctls(repair.namespace, repair.values);
    case "firewall":
      return firewall.apply(repair.namespace, repair.changes, signal);
    default: {
      const unhandled: never = repair;
      return unhandled;
    }
  }
}
