import { request } from "node:http";
import type { MachineRow } from "./live-machine.ts";
import { machinesPageSchema } from "./machines-page.ts";

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

function ask(socketPath: string): Promise<readonly MachineRow[]> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath, path: "/debug/machines", agent: false, signal: AbortSignal.timeout(answerMs) },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        answer.on("error", reject);
        answer.on("end", () => {
          try {
            // Of another version, perhaps: it is not replaced with the daemon.
            resolve(machinesPageSchema.parse(JSON.parse(body)).machines as readonly MachineRow[]);
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
