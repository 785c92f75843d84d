import { fromPromise } from "xstate";
import type { Conflist, PublishedConflist } from "../ports/conflist.ts";
import type { ProofRecord } from "../ports/proof-record.ts";

/** Effects of the readiness machine. `published` hears which other configurations win over ours. */
export function readinessActors(
  conflist: Conflist,
  proof: ProofRecord,
  published: (conflist: PublishedConflist) => void,
) {
  return {
    recordProof: fromPromise<void, { readonly podCidrs: readonly string[] }>(({ input, signal }) =>
      proof.record(input.podCidrs, signal),
    ),
    publishConflist: fromPromise<void, void>(async ({ signal }) => published(await conflist.publish(signal))),
  };
}
