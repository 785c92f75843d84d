import { spawn } from "node:child_process";
import { once } from "node:events";
import { LabError } from "../../lab-error.ts";
import type { Lab } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { run } from "../../run-command.ts";
import { clusterOf } from "../cluster.ts";
import { kubectlCommand } from "../control-plane/kubectl.ts";
import { type ClusterPod, whoPath } from "./workload.ts";

const limitMs = 30_000;

/** Asks a pod of a workload who it is through `kubectl port-forward`, from where kubectl runs. Throws LabError NOT_READY. */
export async function fetchThroughForward(lab: Lab, pod: ClusterPod): Promise<string> {
  const [program, ...args] = kubectlCommand(lab, ["port-forward", `pod/${pod.name}`, ":80"]);
  const forward = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(forward, "close");
  try {
    const port = await portOf(forward);
    const script =
      "const a = await fetch(process.argv[1], { signal: AbortSignal.timeout(10_000) }); process.stdout.write(await a.text());";
    const url = `http://127.0.0.1:${port}${whoPath}`;
    const fetching = [process.execPath, "--input-type=module", "-e", script, url] as const;
    return await run(inNetns(clusterOf(lab).netns, fetching));
  } finally {
    forward.kill();
    await ended;
  }
}

/** The port that kubectl listens on, which it says: `Forwarding from 127.0.0.1:40123 -> 80`. */
function portOf(forward: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const give = (why: string) =>
      reject(new LabError("NOT_READY", `kubectl port-forward ${why}: ${said.join("").trim()}`));
    const timer = setTimeout(() => give(`said no port within ${limitMs / 1000} s`), limitMs);
    const hear = (chunk: Buffer) => {
      said.push(chunk.toString());
      const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said.join(""))?.[1];
      if (port !== undefined) {
        clearTimeout(timer);
        resolve(port);
      }
    };
    forward.stdout?.on("data", hear);
    forward.stderr?.on("data", hear);
    forward.once("close", () => {
      clearTimeout(timer);
      give("ended");
    });
  });
}
