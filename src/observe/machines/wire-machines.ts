import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import { type MachineRow, machinesPageSchema } from "../pages/machines-page.ts";

/** The machines of headcni-wire, as it said when it was last asked; none when it did not answer. */
export interface WireMachines {
  rows(): readonly MachineRow[];
  /** Asks it; never fails, and waits no longer than a second. */
  refresh(): Promise<void>;
}

const answerMs = 1000;

export function createWireMachines(socketPath: string): WireMachines {
  let rows: readonly MachineRow[] = [];
  return {
    rows: () => rows,
    async refresh() {
      rows = await ask(socketPath).catch(() => []);
    },
  };
}

async function ask(socketPath: string): Promise<readonly MachineRow[]> {
  const signal = AbortSignal.timeout(answerMs);
  const asked = request({ socketPath, path: "/debug/machines", agent: false, signal });
  // One that comes after the first bytes of the answer fails the reading of it, too.
  asked.on("error", () => undefined).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  // Of another version, perhaps: headcni-wire is not replaced with the daemon.
  return machinesPageSchema.parse(await json(answer)).machines;
}
