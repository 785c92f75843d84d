import type { AttachmentPlan } from "../../../domain/attachment/attachment.ts";
import type { KernelFlow } from "../../../domain/kernel/kernel-flow.ts";
import type { KernelOperation, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import type { ElementChange } from "../../../domain/policy/table-change.ts";
import { createDevtools, type DevtoolsCommand } from "../../devtools/devtools.ts";
import { attach } from "../attachment/attach.ts";
import { check } from "../attachment/check.ts";
import { detach, list } from "../attachment/detach.ts";
import { recover } from "../attachment/recover.ts";
import { applyOperations } from "../namespaces/apply-operations.ts";
import { endFlows, listFlows } from "../namespaces/flows.ts";
import { observe } from "../namespaces/observe.ts";
import { changeElements } from "../namespaces/set-elements.ts";
import type { WorkerKernel } from "./worker-kernel.ts";

export type CommandHandlers = ReturnType<typeof commandHandlers>;

/**
 * What the main thread may ask of the worker, and what it does then: each runs to its end in one synchronous step. Arguments and
 * answers are plain data.
 */
export function commandHandlers(kernel: WorkerKernel) {
  const { kept, namespaces, sysctls } = kernel;
  const devtools = createDevtools();
  const inside = <T>(namespace: NamespaceName, work: () => T): T =>
    namespaces.inside(kept.get(namespace).namespace, work);
  return {
    attach: (plan: AttachmentPlan) => attach(kernel, plan),
    detach: (hostLink: string) => detach(kernel, hostLink),
    list: () => list(kernel),
    recover: (routerAddresses: readonly string[]) => recover(kernel, routerAddresses),
    check: (plan: AttachmentPlan) => check(kernel, plan),
    openNamespace: kept.open,
    createNamespace: namespaces.create,
    removeNamespace: (path: string) => {
      kept.forget(path);
      namespaces.remove(path);
    },
    observe: (namespace: NamespaceName) => observe(kept.get(namespace).requests),
    apply: (namespace: NamespaceName, operations: readonly KernelOperation[]) =>
      applyOperations(kept, kept.get(namespace), operations),
    changeElements: (table: string, changes: readonly ElementChange[]) =>
      changeElements(kernel.node.nftables, table, changes),
    listFlows: (addresses: readonly string[], prefixes: readonly string[]) =>
      listFlows(kernel.node, addresses, prefixes),
    endFlows: (flows: readonly KernelFlow[]) => endFlows(kernel.node.nftables, flows),
    readSysctls: (namespace: NamespaceName, names: readonly string[]): Readonly<Record<string, string>> =>
      inside(namespace, () => Object.fromEntries(names.map((name) => [name, sysctls.read(name)]))),
    writeSysctls: (namespace: NamespaceName, values: Readonly<Record<string, string>>) =>
      inside(namespace, () => {
        for (const [name, value] of Object.entries(values)) sysctls.write(name, value);
      }),
    /** Profiles of the worker. A command that fails is an answer: it must not end the worker. */
    devtools: (
      commands: readonly DevtoolsCommand[],
      last: boolean,
    ): { readonly answer: unknown } | { readonly refusal: string } => {
      try {
        return { answer: devtools(commands, last) };
      } catch (error) {
        return { refusal: String(error) };
      }
    },
  };
}
