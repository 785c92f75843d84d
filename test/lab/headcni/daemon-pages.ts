import { request } from "node:http";
import { LabError } from "../lab-error.ts";
import type { LabNode } from "../lab-types.ts";

/** `/ready`, as far as the lab reads it. */
export type ReadyPage = {
  readonly serving: boolean;
  readonly state: "proven" | "unproven" | "degraded";
  readonly reasons: readonly string[];
};

/** A row of `/debug/machines`, as far as the lab reads it. */
export type MachineRow = {
  readonly machine: string;
  readonly subject: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly stuck: boolean;
};

/** GET of the daemon's HTTP server through its unix socket: `/healthz`, `/ready`, `/metrics`, `/debug/machines`. */
export function daemonGet(
  node: LabNode,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const query = request({ socketPath: node.httpSocket, path, timeout: 5000 }, (response) => {
      const chunks: string[] = [];
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: chunks.join("") }));
      response.on("error", reject);
    });
    query.on("timeout", () =>
      query.destroy(new LabError("NOT_READY", `${path} of ${node.name}: no answer in 5 s`)),
    );
    query.on("error", reject);
    query.end();
  });
}

/** What the daemon of a node says about its readiness; undefined without an answer. */
export async function readyPage(node: LabNode): Promise<ReadyPage | undefined> {
  const answer = await daemonGet(node, "/ready").catch(() => undefined);
  return answer === undefined ? undefined : (JSON.parse(answer.body) as ReadyPage);
}

/** The live machines of a node's daemon. */
export async function liveMachines(node: LabNode): Promise<readonly MachineRow[]> {
  const { body } = await daemonGet(node, "/debug/machines");
  return (JSON.parse(body) as { readonly machines: readonly MachineRow[] }).machines;
}
