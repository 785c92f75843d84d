import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { LabNode } from "../lab-types.ts";
import { inNetns } from "../netns.ts";
import { run } from "../run-command.ts";
import type { Attack } from "./attack.ts";

const connections = 200;
const probes = 12;
/** What kubelet waits for the daemon's probes (deploy/chart). */
const probeLimitMs = 5_000;

export const idleConnections: Attack = {
  name: "idle-connections",
  promise: "local",
  does: `a local program holds ${connections} idle connections to the daemon's page while kubelet asks /healthz`,
  run: async ({ node }) => {
    const before = await askHealth(node);
    if (before.includes("failed"))
      throw new LabError(
        "NOT_READY",
        `/healthz of ${node.name} fails without an attack, too: ${before.join(", ")}`,
      );
    const { hostname, port } = new URL(node.metricsUrl);
    const program = join(import.meta.dirname, "hold-connections.ts");
    const command = [process.execPath, program, hostname, port, String(connections)] as const;
    const [nsenter, ...args] = inNetns(node.netns, command);
    const holder = spawn(nsenter, args, { stdio: ["pipe", "pipe", "inherit"] });
    const closed = once(holder, "close");
    try {
      await Promise.race([once(holder.stdout, "data"), closed]);
      const answers = await askHealth(node);
      const failed = answers.filter((answer) => answer === "failed").length;
      return [{ saw: `${failed} of ${probes} probes failed`, harm: failed > 0 }];
    } finally {
      holder.kill("SIGKILL");
      await closed;
    }
  },
};

/** Asks /healthz on the node's loopback as kubelet does, each time by a new connection: "200", another status, or "failed". */
async function askHealth(node: LabNode): Promise<readonly string[]> {
  const url = new URL("/healthz", node.metricsUrl);
  const script = `
    const ask = () => fetch("${url}", { signal: AbortSignal.timeout(${probeLimitMs}), headers: { connection: "close" } })
      .then(({ status }) => String(status), () => "failed");
    const answers = [];
    for (let probe = 0; probe < ${probes}; probe += 1) answers.push(await ask());
    console.log(answers.join(" "));
  `;
  const command = [process.execPath, "--input-type=module", "-e", script] as const;
  return (await run(inNetns(node.netns, command), { timeoutMs: 120_000 })).trim().split(" ");
}
