import { type ChildProcess, spawn } from "node:child_process";
import { kubectlCommand } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { waitUntil } from "../../../lab/wait-until.ts";

/** Everything that the API server tells of some objects until `end`: `lines` has a line for each version of each. */
export type ClusterWatch = { readonly lines: () => readonly string[]; readonly end: () => void };

/** Watches objects through the API, each version as a line made by a JSONPath; returns once it has seen the first. */
export async function watchCluster(
  lab: Lab,
  args: readonly string[],
  jsonPath: string,
): Promise<ClusterWatch> {
  const [program, ...rest] = kubectlCommand(lab, [
    ...["get", ...args, "--watch"],
    `-o=jsonpath=${jsonPath}{"\\n"}`,
  ]);
  const child: ChildProcess = spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const text: string[] = [];
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => text.push(piece));
  const lines = () =>
    text
      .join("")
      .split("\n")
      .filter((line) => line !== "");
  await waitUntil(() => lines().length > 0, { what: `a watch of ${args.join(" ")}`, timeoutMs: 30_000 });
  return {
    lines: () => {
      if (child.exitCode !== null) throw new Error(`the watch of ${args.join(" ")} ended by itself`);
      return lines();
    },
    end: () => void child.kill("SIGTERM"),
  };
}
