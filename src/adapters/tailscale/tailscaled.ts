import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import { writeWhole } from "../files/write-whole.ts";
import { isInNetns, isRunning, readRecord } from "./process-identity.ts";
import { hostResolver } from "./resolv-conf.ts";
import { resolverCommand } from "./resolver-command.ts";
import { scriptExits, startScript } from "./start-script.ts";
import { resolverMissing, TailscaleError } from "./tailscale-error.ts";
import {
  commandLine,
  environmentOf,
  findBinary,
  type TailscaledOptions,
  tailscaledPaths,
} from "./tailscaled-command.ts";
import type { TailscaledKeeper } from "./tailscaled-keeper.ts";

/** The tailscaled that this process starts itself, found again by its record. */
export function ownTailscaled(options: TailscaledOptions): TailscaledKeeper {
  return {
    find: () => findTailscaled(options),
    start: (answers, signal) => startTailscaled(options, answers, signal),
    stop: (process, signal) => stopTailscaled(options, process, signal),
  };
}

/** The recorded process, if it still is that very one and lives in X. */
async function findTailscaled(options: TailscaledOptions): Promise<TailscaledProcess | undefined> {
  const paths = tailscaledPaths(options);
  const recorded = await readRecord(paths.record);
  if (recorded === undefined || !(await isRunning(recorded))) return undefined;
  return (await isInNetns(recorded.pid, paths.netns)) ? recorded : undefined;
}

/**
 * Starts tailscaled in X in a session of its own, so that it outlives this process. Resolves once `answers` says that its
 * LocalAPI answers. Throws BINARY_MISSING, NOT_WRITTEN when the runtime directory takes no file, or EXITED when it ended before
 * that.
 */
async function startTailscaled(
  options: TailscaledOptions,
  answers: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<TailscaledProcess> {
  const paths = tailscaledPaths(options);
  const binary = await findBinary(options.binary);
  await mkdir(paths.state, { recursive: true, mode: 0o700 });
  const resolver = await hostResolver();
  if (resolver.direct.length + resolver.forwarded.length === 0) options.warned?.(resolverMissing());
  await writeWhole(paths.resolver, resolver.text, { synced: false });
  const log = openSync(paths.log, "a", 0o600);
  // Each of these replaces itself with the next one, so the pid stays.
  const intoX = [`--net=${paths.netns}`, "--", "unshare", "--mount", "--propagation", "slave", "--"];
  const files = [paths.lock, paths.record, paths.socket, paths.resolver];
  const { sysctlDir } = options;
  const forward = resolverCommand(resolver.forwarded, { nodeDescriptor: 3, sysctlDir });
  const forwarding = resolver.forwarded.length === 0 ? "" : forward.map(quoted).join(" ");
  const scripted = ["sh", "-c", startScript, "headcni", ...files, forwarding];
  const node = openSync("/proc/self/ns/net", "r");
  const child = spawn("nsenter", [...intoX, ...scripted, binary, ...commandLine(options)], {
    detached: true,
    stdio: ["ignore", log, log, node],
    env: environmentOf(options),
    cwd: "/",
  });
  closeSync(node);
  closeSync(log);
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null)).once("exit", (code) => resolve(code));
  });
  child.unref();
  const own = async () => {
    const found = await findTailscaled(options);
    return found?.pid === child.pid && (await answers()) ? found : undefined;
  };
  return await untilAnswering(own, ended, signal).catch((error: unknown) => {
    // Given up before it answered: it must not come up later on its own.
    if (child.pid !== undefined && child.exitCode === null) kill(child.pid, "SIGTERM");
    throw error;
  });
}

/** SIGTERM, and SIGKILL after 5 s; resolves when it is gone. Its state stays. */
async function stopTailscaled(
  options: TailscaledOptions,
  process_: TailscaledProcess,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  let sent: NodeJS.Signals | undefined;
  while (await isRunning(process_)) {
    const wanted = performance.now() - startedAt < 5000 ? "SIGTERM" : "SIGKILL";
    if (sent !== wanted) kill(process_.pid, wanted);
    sent = wanted;
    await delay(20, undefined, { signal });
  }
  await rm(tailscaledPaths(options).record, { force: true });
}

async function untilAnswering(
  answering: () => Promise<TailscaledProcess | undefined>,
  ended: Promise<number | null>,
  signal: AbortSignal,
): Promise<TailscaledProcess> {
  for (;;) {
    const exitCode = await Promise.race([ended, delay(20, "running" as const, { signal })]);
    if (exitCode !== "running") throw exited(exitCode);
    const found = await answering();
    if (found !== undefined) return found;
  }
}

function exited(exitCode: number | null): TailscaleError {
  const why = exitCode === null ? "by a signal" : (scriptExits[exitCode] ?? `with exit code ${exitCode}`);
  return new TailscaleError(`tailscaled ended at once: ${why}`, { code: "EXITED", exitCode });
}

/** One word for sh. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
