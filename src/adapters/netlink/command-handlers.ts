import { createDevtools } from "../devtools/devtools.ts";
import { applyOperations } from "./apply-operations.ts";
import { attach } from "./attach.ts";
import { check } from "./check.ts";
import { detach, list } from "./detach.ts";
import type { KernelCommandName, KernelCommands } from "./kernel-commands.ts";
import { observe } from "./observe.ts";
import { recover } from "./recover.ts";
import type { WorkerKernel } from "./worker-kernel.ts";

/** Every command but `echo`, which ends later, runs to its end in one synchronous step. */
export type SynchronousCommand = Exclude<KernelCommandName, "echo">;
export type CommandHandlers = {
  readonly [Name in SynchronousCommand]: (
    input: KernelCommands[Name]["input"],
  ) => KernelCommands[Name]["output"];
};

export function commandHandlers(kernel: WorkerKernel): CommandHandlers {
  const { kept, namespaces, sysctls } = kernel;
  const devtools = createDevtools();
  return {
    attach: (plan) => attach(kernel, plan),
    detach: (hostLink) => detach(kernel, hostLink),
    list: () => list(kernel),
    recover: (routerAddresses) => recover(kernel, routerAddresses),
    check: (plan) => check(kernel, plan),
    openNamespace: ({ name, path, inode }) => {
      kept.open(name, path, inode);
      return null;
    },
    createNamespace: (path) => {
      namespaces.create(path);
      return null;
    },
    removeNamespace: (path) => {
      kept.forget(path);
      namespaces.remove(path);
      return null;
    },
    observe: (name) => observe(kept.get(name).requests),
    apply: ({ namespace, operations }) => {
      applyOperations(kept, kept.get(namespace), operations);
      return null;
    },
    readSysctls: ({ namespace, names }) =>
      namespaces.inside(kept.get(namespace).namespace, () =>
        Object.fromEntries(names.map((name) => [name, sysctls.read(name)])),
      ),
    writeSysctls: ({ namespace, values }) => {
      namespaces.inside(kept.get(namespace).namespace, () => {
        for (const [name, value] of Object.entries(values)) sysctls.write(name, value);
      });
      return null;
    },
    devtools: ({ commands, last }) => {
      try {
        return { answer: devtools(commands, last) };
      } catch (error) {
        return { refusal: String(error) };
      }
    },
  };
}
