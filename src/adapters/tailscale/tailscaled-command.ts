import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { TailscaleError } from "./tailscale-error.ts";

/** Where and how our tailscaled runs. All paths absolute. */
export interface TailscaledOptions {
  /** Holds tailscaled.sock, tailscaled.lock and tailscaled.log. */
  readonly runtimeDir: string;
  /** State is kept in its folder `tailscale`, and never deleted here. */
  readonly stateDir: string;
  /** Path, or a name on PATH. */
  readonly binary: string;
  readonly interfaceName: string;
  /** Of that interface, in bytes. */
  readonly mtu: number;
  /** UDP port of WireGuard. */
  readonly port: number;
  /** UDP endpoints announced besides those found, at most 3 (magicsock: pretendpoints). */
  readonly staticEndpoints: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where sysctls of network namespaces can be written: /proc/sys, or what a container got mounted instead. */
  readonly sysctlDir: string;
  /** Hears of what is wrong without stopping tailscaled. */
  readonly warned?: (error: TailscaleError) => void;
}

/** tailscaled's LocalAPI. */
export function tailscaledSocket(runtimeDir: string): string {
  return join(runtimeDir, "tailscaled.sock");
}

/** Paths of one tailscaled. */
export function tailscaledPaths({
  runtimeDir,
  stateDir,
}: Pick<TailscaledOptions, "runtimeDir" | "stateDir">) {
  return {
    socket: tailscaledSocket(runtimeDir),
    lock: join(runtimeDir, "tailscaled.lock"),
    log: join(runtimeDir, "tailscaled.log"),
    state: join(stateDir, "tailscale"),
  };
}

/** tailscaled's arguments. */
export function commandLine(options: TailscaledOptions): readonly string[] {
  const paths = tailscaledPaths(options);
  return [
    `--statedir=${paths.state}`,
    `--socket=${paths.socket}`,
    `--tun=${options.interfaceName}`,
    `--port=${options.port}`,
    "--no-logs-no-support",
  ];
}

/** tailscaled's environment: nothing of ours but PATH. */
export function environmentOf(options: TailscaledOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    TS_NO_LOGS_NO_SUPPORT: "true",
    TS_LOGS_DIR: tailscaledPaths(options).state,
    // Read once, when it makes the interface (net/tstun/mtu.go, DefaultTUNMTU).
    TS_DEBUG_MTU: String(options.mtu),
    // What tailscale's own k8s-proxy does: only --config knows static endpoints, and it would own the preferences too.
    ...(options.staticEndpoints.length > 0
      ? { TS_DEBUG_PRETENDPOINT: options.staticEndpoints.slice(0, 3).join(",") }
      : {}),
    ...options.environment,
  };
}

/** The executable's path. Throws BINARY_MISSING. */
export async function findBinary(name: string): Promise<string> {
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
