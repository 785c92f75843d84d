import { fromPromise } from "xstate";
import type { TailnetNamespace } from "../ports/tailnet-namespace.ts";

/** Effect of the root: X stands and is joined to the node before anything looks at it. */
export function prepareNodeActor(tailnetNamespace: TailnetNamespace) {
  return fromPromise<void, { readonly prefixes: readonly string[] }>(({ input }) =>
    tailnetNamespace.ensure(input.prefixes),
  );
}
