import type { KernelChange } from "../../../../src/domain/kernel/kernel-state.ts";

/** Test process -> kernel process. `port` and `method` name a method of the kernel's two ports. */
export type ToKernelProcess =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly port: "podNetwork" | "state";
      readonly method: string;
      readonly args: readonly unknown[];
    }
  | { readonly kind: "close" };

/** Kernel process -> test process. */
export type FromKernelProcess =
  | { readonly kind: "opened" }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly message: string; readonly detail: unknown }
  | { readonly kind: "changed"; readonly change: KernelChange };
