import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { somebodyAnswers } from "../../src/adapters/unix-socket/somebody-answers.ts";
import { addNetns, inNetns, removeNetns } from "../lab/network/netns.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

const main = new URL("../../src/programs/daemon/main.ts", import.meta.url).pathname;

/** A configuration that is valid and leads nowhere: no Headscale, no tailscaled. */
export function loneConfig(directory: string) {
  return {
    nodeName: "n1",
    runtimeDir: directory,
    stateDir: join(directory, "state"),
    headscale: { url: "http://10.99.0.1:8080", authKey: "hskey-auth-none-none" },
    tailscale: { binary: "/nowhere/tailscaled" },
    network: { podCIDR: "10.244.0.0/16", nodePodCIDR: "10.244.1.0/24" },
    cni: { confDir: join(directory, "net.d"), binDir: join(directory, "bin") },
  };
}

/** The real daemon from source, alone in a network namespace with its mounts; ends with the test. */
export async function startLoneDaemon(
  more: Readonly<Record<string, unknown>> = {},
  directory = temporaryDirectory(),
) {
  const netns = `hcl-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const file = join(directory, "config.yaml");
  const configure = (changed: Readonly<Record<string, unknown>>) =>
    writeFile(file, JSON.stringify({ ...loneConfig(directory), ...changed }));
  await configure(more);
  const command = ["unshare", "--mount", "--", process.execPath, main, "--config", file] as const;
  const [program, ...args] = inNetns(netns, [...command]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const socketPath = join(directory, "http.sock");
  // Its file is there a moment before anybody listens on it.
  const answers = async () => (await somebodyAnswers(socketPath)) || child.exitCode !== null;
  await until(answers, "the daemon's HTTP socket");
  const ask = (path: string, method = "GET"): Promise<{ status: number; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const asked = request({ socketPath, path, method }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.on("error", reject);
      });
      asked.on("error", (error) => {
        const ended = `exit code ${child.exitCode}, signal ${child.signalCode}`;
        reject(new Error(`${error.message}; the daemon: ${ended}; its log ends ${log.slice(-1000)}`));
      });
      asked.end();
    });
  return { directory, netns, child, exited, socketPath, configure, ask, log: () => log };
}
