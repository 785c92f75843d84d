import type { AttachedLinks, AttachmentPlan, Mismatch, ObservedAttachment } from "../../domain/attachment.ts";
import type {
  KernelChange,
  KernelOperation,
  KernelSnapshot,
  NamespaceName,
} from "../../domain/kernel-state.ts";
import type { KernelStateFailure } from "../../ports/kernel-state.ts";
import type { PodNetworkFailure } from "../../ports/pod-network.ts";
import type { DevtoolsCommand } from "../devtools/devtools.ts";

/** What the main thread may ask of the worker: input and answer of each command. All of it is plain data. */
export interface KernelCommands {
  attach: { input: AttachmentPlan; output: AttachedLinks };
  /** Output: whether there was such a link; its group is to be deleted then. */
  detach: { input: string; output: boolean };
  list: { input: null; output: readonly ObservedAttachment[] };
  recover: { input: readonly string[]; output: readonly ObservedAttachment[] };
  check: { input: AttachmentPlan; output: readonly Mismatch[] };
  openNamespace: {
    input: { readonly name: NamespaceName; readonly path: string; readonly inode?: string };
    output: null;
  };
  createNamespace: { input: string; output: null };
  removeNamespace: { input: string; output: null };
  observe: { input: NamespaceName; output: KernelSnapshot };
  apply: {
    input: { readonly namespace: NamespaceName; readonly operations: readonly KernelOperation[] };
    output: null;
  };
  readSysctls: {
    input: { readonly namespace: NamespaceName; readonly names: readonly string[] };
    output: Readonly<Record<string, string>>;
  };
  writeSysctls: {
    input: { readonly namespace: NamespaceName; readonly values: Readonly<Record<string, string>> };
    output: null;
  };
  echo: { input: EchoRequest; output: number | undefined };
  /** Profiles of the worker. A command that fails is an answer: it must not end the worker. */
  devtools: {
    input: { readonly commands: readonly DevtoolsCommand[]; readonly last: boolean };
    output: { readonly answer: unknown } | { readonly refusal: string };
  };
}

export interface EchoRequest {
  readonly source: string;
  readonly destination: string;
  readonly timeoutMs: number;
  /** Size of the whole IP packet, which nobody on the way may cut then. */
  readonly bytes?: number;
}

export type KernelCommandName = keyof KernelCommands;

/** A command on its way to the worker. */
export interface KernelRequest<Name extends KernelCommandName = KernelCommandName> {
  readonly id: number;
  readonly name: Name;
  readonly input: KernelCommands[Name]["input"];
}

/** An expected failure as plain data; errors lose their class on the way between threads. */
export type CommandFailure =
  | { readonly port: "podNetwork"; readonly message: string; readonly detail: PodNetworkFailure }
  | { readonly port: "kernelState"; readonly message: string; readonly detail: KernelStateFailure };

/** From the worker. */
export type KernelMessage =
  | { readonly kind: "opened" }
  | { readonly kind: "done"; readonly id: number; readonly output: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly failure: CommandFailure }
  | { readonly kind: "changed"; readonly changes: readonly KernelChange[] };

/** Given to the worker when it starts. */
export interface KernelWorkerData {
  /** An eventfd: written to after each posted request, because the worker sleeps in poll() and not in its event loop. */
  readonly wakeFd: number;
  /** One number: 1 once the worker has to end. */
  readonly closing: Int32Array<SharedArrayBuffer>;
  readonly sysctlRoot: string;
}
