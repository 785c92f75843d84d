import type { KernelChange } from "../../../domain/kernel/kernel-state.ts";
import type { KernelRefusal } from "../kernel-errors.ts";
import type { CommandHandlers } from "./command-handlers.ts";

/** Arguments and answer of each command: those of the handlers, and one that ends later than it returns. */
export interface KernelCommands extends CommandHandlers {
  echo(request: EchoRequest): number | undefined;
}

export interface EchoRequest {
  readonly source: string;
  readonly destination: string;
  readonly timeoutMs: number;
  /** Size of the whole IP packet, which nobody on the way may cut then. */
  readonly bytes: number | undefined;
}

export type KernelCommandName = keyof KernelCommands;

/** A command on its way to the worker. */
export interface KernelRequest<Name extends KernelCommandName = KernelCommandName> {
  readonly id: number;
  readonly name: Name;
  readonly args: Parameters<KernelCommands[Name]>;
}

/** From the worker. An expected failure comes as plain data: errors lose their class on the way between threads. */
export type KernelMessage =
  | { readonly kind: "opened" }
  | { readonly kind: "done"; readonly id: number; readonly output: unknown }
  | ({ readonly kind: "failed"; readonly id: number } & CommandFailure)
  | { readonly kind: "changed"; readonly changes: readonly KernelChange[] };

export type CommandFailure = Pick<KernelRefusal, "message" | "detail">;

/** Given to the worker when it starts. */
export interface KernelWorkerData {
  /** An eventfd: written to after each posted request, because the worker sleeps in poll() and not in its event loop. */
  readonly wakeFd: number;
  /** One number: 1 once the worker has to end. */
  readonly closing: Int32Array<SharedArrayBuffer>;
  readonly sysctlRoot: string;
}
