import { fromCallback } from "xstate";
import type { TailscaleEvent } from "../../machines/tailscale/tailscale-types.ts";
import { toFailure } from "../domain/failure.ts";
import type { Wire } from "../ports/wire.ts";

/** Often enough that a new tailscaled is attended before its peers are missed; a look costs two reads. */
const lookEveryMs = 200;

/** Looks for headcni-wire until it is found with a tailscaled, and says why not whenever the reason changes. */
export function seekWire(wire: Pick<Wire, "find">) {
  const logic = fromCallback<TailscaleEvent, undefined>(({ sendBack }) => {
    let timer: NodeJS.Timeout | undefined;
    let told = "";
    let over = false;
    const look = async () => {
      try {
        const process = await wire.find();
        if (!over) sendBack({ type: "wire.found", process } satisfies TailscaleEvent);
      } catch (error) {
        if (over) return;
        const failure = toFailure(error);
        if (failure.message !== told) sendBack({ type: "wire.missed", failure } satisfies TailscaleEvent);
        told = failure.message;
        timer = setTimeout(() => void look(), lookEveryMs);
      }
    };
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  });
  return Object.assign(logic, { neverDone: true as const });
}
