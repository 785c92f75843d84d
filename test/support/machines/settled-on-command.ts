import { fromPromise } from "xstate";

/** Stands for any actor of a machine: it does nothing until the test settles it, and ignores the events it is sent. */
export function settledOnCommand() {
  const pending = new Map<
    string,
    { readonly resolve: (output: unknown) => void; readonly reject: (error: unknown) => void }
  >();
  const logic = fromPromise<unknown, unknown>(
    ({ self, signal }) =>
      new Promise((resolve, reject) => {
        const entry = { resolve, reject };
        pending.set(self.id, entry);
        signal.addEventListener("abort", () => {
          if (pending.get(self.id) === entry) pending.delete(self.id);
        });
      }),
  );
  const take = (id: string) => {
    const entry = pending.get(id);
    if (entry === undefined)
      throw new Error(`no actor "${id}" is running; running: ${[...pending.keys()].join(", ") || "none"}`);
    pending.delete(id);
    return entry;
  };
  return {
    logic,
    resolve: (id: string, output: unknown) => take(id).resolve(output),
    reject: (id: string, error: unknown) => take(id).reject(error),
    running: () => [...pending.keys()],
  };
}
