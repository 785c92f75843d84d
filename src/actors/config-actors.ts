import { fromCallback, fromPromise } from "xstate";
import type { ConfigEvent } from "../../machines/config/config-machine.ts";
import type { ConfigReview } from "../domain/config-change.ts";
import { toFailure } from "../domain/failure.ts";
import type { ConfigSource } from "../ports/config-source.ts";

/** What the config machine needs done. */
export function configActors(source: ConfigSource) {
  return {
    watch: watchSource(source),
    review: fromPromise<ConfigReview, void>(() => source.review()),
    adopt: fromPromise<void, void>(() => source.adopt()),
  };
}

function watchSource(source: ConfigSource) {
  return fromCallback<ConfigEvent, undefined>(({ sendBack }) =>
    source.watch(
      () => sendBack({ type: "config.touched" }),
      (error) => sendBack({ type: "config.unwatched", failure: toFailure(error) }),
    ),
  );
}
