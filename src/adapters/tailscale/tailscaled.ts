import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { access, mkdir, readFile, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import { writeWhole } from "../files/write-whole.ts";
import { isInNetns, isRunning, readRecord } from "./process-identity.ts";
import { tailnetResolver } from "./resolv-conf.ts";
import { scriptExits, startScript } from "./start-script.ts";
import { TailscaleError } from "./tailscale-error.ts";
import { boundLog } from "./tailscaled-log.ts";

/** Where and how our tailscaled runs. All paths absolute. */
export interface TailscaledOptions {
  /** Holds tailnet.netns (X), tailscaled.sock, tailscaled.pid, tailscaled.lock, tailscaled.log, tailnet-resolv.conf. */
  readonly runtimeDir: string;
  /** State is kept in its folder `tailscale`, and never deleted here. */
  readonly stateDir: string;
  /** Path, or a name on PATH. */
  readonly binary: string;
  readonly interfaceName: string;
  /** UDP port of WireGuard. */
  readonly port: number;
  /** UDP endpoints announced besides those found, at most 3 (magicsock: pretendpoints). */
  readonly staticEndpoints: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Hears of what is wrong without stopping tailscaled. */
  readonly warned?: (error: TailscaleError) => void;
}

/** Paths of one tailscaled. */
export function tailscaledPaths({
  runtimeDir,
  stateDir,
}: Pick<TailscaledOptions, "runtimeDir" | "stateDir">) {
  return {
    netns: join(runtimeDir, "tailnet.netns"),
    socket: join(runtimeDir, "tailscaled.sock"),
    record: join(runtimeDir, "tailscaled.pid"),
    lock: join(runtimeDir, "tailscaled.lock"),
    log: join(runtimeDir, "tailscaled.log"),
    resolver: join(runtimeDir, "tailnet-resolv.conf"),
    state: join(stateDir, "tailscale"),
  };
}

/** The recorded process, if it still is that very one and lives in X. */
export async function findTailscaled(options: TailscaledOptions): Promise<TailscaledProcess | undefined> {
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
export async function startTailscaled(
  options: TailscaledOptions,
  answers: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<TailscaledProcess> {
  const paths = tailscaledPaths(options);
  const binary = await findBinary(options.binary);
  await mkdir(paths.state, { recursive: true, mode: 0o700 });
  const resolver = await hostResolver();
  if (!resolver.usable)
    options.warned?.(
      new TailscaleError("no nameserver of this host can be reached from the tailnet namespace", {
        code: "RESOLVER_UNREACHABLE",
      }),
    );
  await writeWhole(paths.resolver, resolver.text, { synced: false });
  await boundLog(paths.log);
  const log = openSync(paths.log, "a", 0o600);
  // Each of these replaces itself with the next one, so the pid stays.
  const intoX = [`--net=${paths.netns}`, "--", "unshare", "--mount", "--propagation", "slave", "--"];
  const files = [paths.lock, paths.record, paths.socket, paths.resolver];
  const scripted = ["sh", "-c", startScript, "headcni", ...files];
  const child = spawn("nsenter", [...intoX, ...scripted, binary, ...commandLine(options)], {
    detached: true,
    stdio: ["ignore", log, log],
    env: environmentOf(options),
    cwd: "/",
  });
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
export async function stopTailscaled(
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

/** The resolver configuration for X. systemd-resolved's stub listens on loopback; its upstream servers stand apart. */
async function hostResolver() {
  const own = tailnetResolver(await readFile("/etc/resolv.conf", "utf8").catch(() => ""));
  if (own.usable) return own;
  const upstream = await readFile("/run/systemd/resolve/resolv.conf", "utf8").catch(() => "");
  const resolved = tailnetResolver(upstream);
  return resolved.usable ? resolved : own;
}

function commandLine(options: TailscaledOptions): readonly string[] {
  const paths = tailscaledPaths(options);
  return [
    `--statedir=${paths.state}`,
    `--socket=${paths.socket}`,
    `--tun=${options.interfaceName}`,
    `--port=${options.port}`,
    "--no-logs-no-support",
  ];
}

function environmentOf(options: TailscaledOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    TS_NO_LOGS_NO_SUPPORT: "true",
    TS_LOGS_DIR: tailscaledPaths(options).state,
    // What tailscale's own k8s-proxy does: only --config knows static endpoints, and it would own the preferences too.
    ...(options.staticEndpoints.length > 0
      ? { TS_DEBUG_PRETENDPOINT: options.staticEndpoints.slice(0, 3).join(",") }
      : {}),
    ...options.environment,
  };
}

async function findBinary(name: string): Promise<string> {
  const candidates = name.includes("/")
    ? [name]
    : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return candidate;
  }
  throw new TailscaleError(`there is no executable ${name}`, { code: "BINARY_MISSING", binary: name });
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

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
