import { LabError } from "../../lab-error.ts";
import type { LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";
import { serviceProcess } from "../../services.ts";
import type { Attack } from "../attack.ts";
import { whileIdle } from "./local-user.ts";

/** More than the daemon holds. */
const connections = 700;
const probes = ["/healthz", "/ready"].flatMap((path) => Array.from({ length: 30 }, () => path));
/** What kubelet waits for the daemon's probes (deploy/chart). */
const probeLimitMs = 5_000;

export const idleConnections: Attack = {
  name: "idle-connections",
  promise: "local",
  does: `a local user without rights holds ${connections} idle connections to the daemon's page while kubelet asks /healthz and /ready`,
  run: async ({ lab, node }) => {
    const { port } = new URL(node.metricsUrl);
    const daemon = async () => JSON.stringify(await serviceProcess(lab, { name: "daemon", node: node.name }));
    const unharmed = await failedProbes(node);
    if (unharmed.length > 0)
      throw new LabError("NOT_READY", `probes of ${node.name} fail without an attack, too: ${unharmed[0]}`);
    const before = await daemon();
    const failed = await whileIdle(node, { port, count: connections }, () => failedProbes(node));
    const restarted = (await daemon()) !== before;
    return [
      {
        saw: `${failed.length} of ${probes.length} probes failed${failed.length > 0 ? `: ${failed[0]}` : ""}`,
        harm: failed.length > 0,
      },
      { saw: restarted ? "the daemon is another process" : "the daemon lives on", harm: restarted },
    ];
  },
};

/** Probes the daemon on the node's loopback as kubelet does, each time by a new connection: "PATH STATUS" of those that failed. */
async function failedProbes(node: LabNode): Promise<readonly string[]> {
  const script = `
    const [origin, ...paths] = process.argv.slice(1);
    const ask = (path) =>
      fetch(origin + path, { signal: AbortSignal.timeout(${probeLimitMs}), headers: { connection: "close" } })
        .then(({ status }) => status, (error) => error.cause?.code ?? error.name);
    const failed = [];
    for (const path of paths) {
      const answer = await ask(path);
      if (answer !== 200) failed.push(path + " " + answer);
    }
    console.log(JSON.stringify(failed));
  `;
  const { origin } = new URL(node.metricsUrl);
  const command = [process.execPath, "--input-type=module", "-e", script, origin, ...probes] as const;
  return JSON.parse(await run(inNetns(node.netns, command), { timeoutMs: 360_000 }));
}
