import { type EventObject, fromCallback, fromPromise, type NonReducibleUnknown } from "xstate";

/** A named effect without an implementation: src/programs/daemon/provide-machines.ts (or a test) supplies it; run bare, it fails by name. */
export function notProvided<Output, Input>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`actor "${name}" was not provided`)));
}

/**
 * A named source or long job that talks in events (fromCallback) without an implementation; run bare, it fails by name.
 * `neverDone` marks it for the tests: a callback actor has no output, so its invoke needs no `onDone`.
 */
export function notProvidedSource<Event extends EventObject, Input extends NonReducibleUnknown>(
  name: string,
) {
  const logic = fromCallback<Event, Input>(() => {
    throw new Error(`actor "${name}" was not provided`);
  });
  // The mark stays out of the type, or every implementation would need it too.
  const marked: typeof logic = Object.assign(logic, { neverDone: true });
  return marked;
}
