import { fromCallback } from "xstate";
import type { HeadcniEvent } from "../../machines/headcni/headcni-events.ts";
import { toFailure } from "../domain/failure.ts";

/** Joins the kernel worker, which can crash at any time, with the root that must hear of it. */
export interface KernelWatch {
  /** For `openKernel`: remembers the failure until the actor listens. */
  readonly failed: (error: Error) => void;
  readonly actor: ReturnType<typeof fromCallback<HeadcniEvent, undefined>>;
}

export function createKernelWatch(): KernelWatch {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const logic = fromCallback<HeadcniEvent, undefined>(({ sendBack }) => {
    let listens = true;
    promise.then((error) => {
      if (listens) sendBack({ type: "kernel.failed", failure: toFailure(error) });
    });
    return () => {
      listens = false;
    };
  });
  return { failed: resolve, actor: logic };
}
