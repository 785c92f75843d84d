import { fromPromise } from "xstate";

/** A named effect without an implementation: src/provide-machines.ts (or a test) supplies it; run bare, it fails by name. */
export function notProvided<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`actor "${name}" was not provided`)));
}
