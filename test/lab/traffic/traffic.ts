import { spawn } from "node:child_process";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { Lab } from "../lab-types.ts";
import { inNetns } from "../network/netns.ts";
import type { Pod } from "../pods.ts";
import { startProcess } from "../processes/processes.ts";
import { type CommandLine, run, runResult } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";

const port = 8080;
const client = join(import.meta.dirname, "pod-client.ts");
const server = join(import.meta.dirname, "pod-server.ts");

/** How one HTTP transfer went: what came, how long it took, and whom the server saw as its caller. */
export type FetchReport = {
  readonly bytes: number;
  readonly milliseconds: number;
  readonly source: string;
  readonly error?: string;
};

/** How a stream of numbered datagrams went. The silence is the longest time without an answer, the end included. */
export type ProbeReport = {
  readonly sent: number;
  readonly received: number;
  readonly longestSilenceMs: number;
  /** The first twenty without an answer: "NUMBER at TIME", the time of sending as of `Date`. */
  readonly lost: readonly string[];
};

/** How a long transfer went; `error` is set if the connection broke. */
export type ReadReport = {
  readonly bytes: number;
  readonly longestSilenceMs: number;
  readonly error?: string;
};

/** Something that runs in a pod until it is stopped and then tells how it went. */
export type Running<Report> = { readonly stop: () => Promise<Report> };

/** A pod, or one address of it. */
export type Target = Pick<Pod, "address">;

/** Starts the HTTP and echo server of a pod and waits until it listens. It ends with the lab. */
export async function startPodServer(lab: Lab, pod: Pod): Promise<void> {
  await startProcess(lab.processFolder, {
    name: `pod-${pod.name}-server`,
    netns: pod.netns,
    command: [process.execPath, server, String(port)],
    env: {},
    logFile: join(lab.folder, "pods.log"),
  });
  const listens = async () => {
    const { stdout } = await runResult(inNetns(pod.netns, ["ss", "-Hltn", `sport = :${port}`]));
    return stdout.trim() !== "";
  };
  await waitUntil(listens, { what: `the server of pod ${pod.name} listens`, timeoutMs: 10_000 });
}

/** Gets `bytes` bytes from each target's server, one after another, from inside a pod. */
export async function fetchFrom(
  pod: Pod,
  targets: readonly Target[],
  bytes: number,
): Promise<readonly FetchReport[]> {
  const urls = targets.map((target) => `${originOf(target)}/bytes/${bytes}`);
  const [first, ...rest] = urls;
  if (first === undefined) return [];
  const printed = await run(inNetns(pod.netns, clientCommand("fetch", first, ...rest)));
  return JSON.parse(printed) as FetchReport[];
}

/**
 * Sends a datagram every `intervalMs` from a pod to an echoing pod (or address) until stopped, and counts the answers. `stop`
 * throws LabError COMMAND_FAILED when the probe sent less than half of what was due: it may have missed a silence.
 */
export async function startProbe(
  pod: Pod,
  target: string,
  intervalMs: number,
): Promise<Running<ProbeReport>> {
  const probe = await start<ProbeReport>(
    pod,
    clientCommand("probe", target, String(port), String(intervalMs)),
  );
  const startedAt = performance.now();
  const finish = async () => {
    const due = Math.floor((performance.now() - startedAt) / intervalMs);
    const report = await probe.stop();
    if (report.sent >= due / 2) return report;
    throw new LabError(
      "COMMAND_FAILED",
      `the probe in pod ${pod.name} sent ${report.sent} of ${due} datagrams that were due`,
    );
  };
  let finished: Promise<ProbeReport> | undefined;
  return {
    // A test's clean-up stops it again, later: what was due is counted until the first time.
    stop: () => {
      finished ??= finish();
      return finished;
    },
  };
}

/** Whether the server at an address echoes a datagram of a pod. */
export async function answersDatagram(pod: Pod, target: string): Promise<boolean> {
  const probe = await startProbe(pod, target, 100);
  const { received } = await probe.stop();
  return received > 0;
}

/** Whether a datagram whose UDP checksum comes out as 0 is answered over IPv6, by a checksum of 0 again. */
export async function answersZeroChecksum(pod: Pod, target: string): Promise<boolean> {
  return JSON.parse(
    await run(inNetns(pod.netns, clientCommand("zero-checksum", target, String(port)))),
  ) as boolean;
}

/** Reads a stream of `bytesPerSecond` from another pod's server until stopped. */
export function startRead(pod: Pod, target: Target, bytesPerSecond: number): Promise<Running<ReadReport>> {
  return start(pod, clientCommand("read", `${originOf(target)}/stream/${bytesPerSecond}`));
}

function originOf({ address }: Target): string {
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

function clientCommand(mode: string, ...args: readonly string[]): CommandLine {
  return [process.execPath, client, mode, ...args];
}

/** Resolves once the client sends: what is done to the network from then on, it sees. */
async function start<Report>(pod: Pod, command: CommandLine): Promise<Running<Report>> {
  const [program, ...args] = inNetns(pod.netns, command);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const output = { text: "" };
  const started = Promise.withResolvers<void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.text += text;
    started.resolve();
  });
  const closed = new Promise<string>((resolve, reject) => {
    child.once("error", reject).once("close", () => resolve(output.text));
  });
  closed.then(() => started.resolve(), started.reject);
  await started.promise;
  return {
    stop: async () => {
      child.kill("SIGTERM");
      const printed = (await closed).trimEnd().split("\n").at(-1);
      if (printed === undefined || !printed.startsWith("{"))
        throw new LabError("COMMAND_FAILED", `the client in pod ${pod.name} ended without a report`);
      return JSON.parse(printed) as Report;
    },
  };
}
