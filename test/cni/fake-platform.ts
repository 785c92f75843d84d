import type { Exchanged, Input, NetnsKind, Platform } from "../../cni/platform.ts";
import type { CniRequest } from "../../src/protocol/cni-protocol.ts";
import { type DaemonScript, react } from "./scripted-daemon.ts";

/** A stub's system in memory; time passes only in `sleep` and in an exchange that is not answered. */
export interface FakePlatform extends Platform {
  readonly requests: CniRequest[];
  /** Content by path; directories have none. */
  readonly files: Map<string, string>;
  /** Makes every later call of the operation fail with these words. */
  readonly fail: (operation: FileOperation, reason: string) => void;
  /** Replaces the daemon from the given exchange on (0 is the first). */
  readonly daemonFrom: (exchange: number, script: DaemonScript) => void;
  readonly exchanges: () => number;
}

export type FileOperation = "ensureDirectory" | "createFile" | "rename" | "remove";

export interface FakeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Input;
  /** How long the runtime takes to write and close stdin. */
  readonly inputTakesMs?: number;
  readonly daemon?: DaemonScript;
  readonly netns?: Readonly<Record<string, NetnsKind>>;
}

const wallClockAtStartMs = 1_800_000_000_000;

/** A fake for the port that the stub's core is written against. */
export function fakePlatform(options: FakeOptions): FakePlatform {
  const requests: CniRequest[] = [];
  const files = new Map<string, string>();
  const failures = new Map<FileOperation, string>();
  const scripts: DaemonScript[] = [options.daemon ?? { kind: "away" }];
  let exchanges = 0;
  let elapsedMs = 0;

  const script = (): DaemonScript => scripts[Math.min(exchanges, scripts.length) - 1] ?? { kind: "away" };
  const exchange = (_path: string, frame: string, limitMs: number): Exchanged => {
    exchanges += 1;
    const current = script();
    if (current.kind === "away") return { ok: false, fault: "absent", reason: "No such file or directory" };
    const { bytes } = react(current, new TextEncoder().encode(frame), requests);
    if (bytes === undefined) {
      elapsedMs += limitMs;
      return { ok: false, fault: "late", reason: "Connection timed out" };
    }
    const end = bytes.indexOf("\n");
    if (end === -1) return { ok: false, fault: "lost", reason: "Connection reset by peer" };
    return { ok: true, line: bytes.slice(0, end) };
  };
  const attempt = (operation: FileOperation, act: () => void): string | undefined => {
    const reason = failures.get(operation);
    if (reason === undefined) act();
    return reason;
  };

  return {
    requests,
    files,
    fail: (operation, reason) => failures.set(operation, reason),
    daemonFrom: (from, later) => {
      while (scripts.length < from) scripts.push(scripts.at(-1) ?? later);
      scripts.push(later);
    },
    exchanges: () => exchanges,
    env: (name) => options.env?.[name],
    readInput: () => {
      elapsedMs += options.inputTakesMs ?? 0;
      return options.input ?? { ok: true, text: "" };
    },
    exchange,
    inspectNetns: (path) => options.netns?.[path] ?? "missing",
    modifiedAtMs: () => {
      const current = script();
      return current.kind === "away" && current.servedMsAgo !== undefined
        ? wallClockAtStartMs - current.servedMsAgo
        : undefined;
    },
    ensureDirectory: () => attempt("ensureDirectory", () => {}),
    createFile: (path, text) => attempt("createFile", () => files.set(path, text)),
    rename: (from, to) =>
      attempt("rename", () => {
        files.set(to, files.get(from) ?? "");
        files.delete(from);
      }),
    remove: (path) => attempt("remove", () => files.delete(path)),
    nowMs: () => elapsedMs,
    wallClockMs: () => wallClockAtStartMs + elapsedMs,
    sleep: (durationMs) => {
      elapsedMs += durationMs;
    },
    processId: () => 4711,
  };
}
