import { fromPromise } from "xstate";
import type { NodeBinding } from "../../domain/kubernetes/node-bindings.ts";
import type { NodeList } from "../../ports/node-list.ts";

/** Effects of the machine that keeps the list of Nodes. */
export function nodeListActors(list: NodeList) {
  return {
    recall: fromPromise<readonly NodeBinding[] | null, void>(() => list.read()),
    write: fromPromise<readonly NodeBinding[], { readonly bindings: readonly NodeBinding[] }>(
      async ({ input: { bindings }, signal }) => {
        await list.write(bindings, signal);
        return bindings;
      },
    ),
  };
}
