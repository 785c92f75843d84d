import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Failure, toFailure } from "../../domain/failure.ts";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import type { WireHost } from "../../ports/wire.ts";
import { createLocalApi } from "../tailscale/local-api.ts";
import { startTimeOf } from "../tailscale/process-identity.ts";
import {
  commandLine,
  environmentOf,
  findBinary,
  type TailscaledOptions,
  tailscaledPaths,
} from "../tailscale/tailscaled-command.ts";
import { passOn } from "../tailscale/tailscaled-log.ts";
import { endPredecessor } from "./end-predecessor.ts";
import { launchScript, scriptExits } from "./launch-script.ts";

const termMs = 5000;
const askMs = 50;
/** The descriptor whose end tells tailscaled that we are gone (cmd/tailscaled: dieOnPipeReadErrorOfFD). */
const parentDescriptor = 3;

/**
 * Starts tailscaled in the network namespace of the calling thread; its output goes to ours and to its own log. It ends when this
 * process does, however that ends: the tailnet namespace must not live on with a tailscaled that nobody knows.
 */
export function launchTailscaled(
  options: TailscaledOptions,
  { answers, ended }: Parameters<WireHost["launch"]>[0],
): ReturnType<WireHost["launch"]> {
  const over = new AbortController();
  let child: ChildProcess | undefined;
  let ending = false;

  const finish = (failure: Failure) => {
    if (over.signal.aborted) return;
    over.abort();
    ended(failure);
  };
  const start = async () => {
    const paths = tailscaledPaths(options);
    const binary = await findBinary(options.binary);
    await mkdir(paths.state, { recursive: true, mode: 0o700 });
    await endPredecessor(options.runtimeDir);
    if (ending) return finish({ code: "EXITED", message: "ended before it started" });
    const args = ["-c", launchScript, "headcni", paths.lock, paths.socket, binary, ...commandLine(options)];
    child = spawn("sh", args, {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...environmentOf(options), TS_PARENT_DEATH_FD: String(parentDescriptor) },
      cwd: "/",
    });
    child.once("error", (error) => finish({ code: "EXITED", message: error.message }));
    child.once("exit", (code, signal) => finish({ code: "EXITED", message: describeEnd(code, signal) }));
    const { pid, stdout, stderr } = child;
    passOn([stdout, stderr], paths.log);
    const startTime = pid === undefined ? undefined : await startTimeOf(pid);
    if (pid === undefined || startTime === undefined) return;
    await untilAnswering(paths.socket, over.signal);
    if (!over.signal.aborted) answers({ pid, startTime } satisfies TailscaledProcess);
  };
  start().catch((error: unknown) => finish(toFailure(error)));
  return {
    end: () => {
      if (ending || over.signal.aborted) return;
      ending = true;
      child?.kill("SIGTERM");
      const timer = setTimeout(() => child?.kill("SIGKILL"), termMs);
      over.signal.addEventListener("abort", () => clearTimeout(timer));
    },
  };
}

/** Resolves when the LocalAPI answers, or `signal` ends the wait. */
async function untilAnswering(socket: string, signal: AbortSignal): Promise<void> {
  const api = createLocalApi(socket);
  try {
    while (!signal.aborted) {
      const answered = await api
        .call({ method: "GET", path: "status?peers=false", timeoutMs: 1000 }, signal)
        .then(
          () => true,
          () => false,
        );
      if (answered) return;
      await delay(askMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    api.close();
  }
}

function describeEnd(exitCode: number | null, signal: NodeJS.Signals | null): string {
  if (exitCode === null) return `tailscaled ended by ${signal ?? "a signal"}`;
  return `tailscaled ended: ${scriptExits[exitCode] ?? `exit code ${exitCode}`}`;
}
