import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { execa } from "execa";
import * as z from "zod";
import { redactLine } from "../../observe/logs/redaction.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../command.ts";

/** A line of the daemon's log as an object; a line of another program has `msg` alone. */
export type LogEntry = Readonly<Record<string, unknown>>;

export interface ReadLogs {
  /** "daemon", "journal", or a file. */
  readonly source: string;
  /** Number of the first entry, where the source counts them. */
  readonly first: number;
  readonly entries: readonly LogEntry[];
}

const logPageSchema = z.looseObject({
  first: z.number(),
  entries: z.array(z.record(z.string(), z.unknown())),
});
const maxFileBytes = 8 * 1024 * 1024;

/** The daemon's own memory of its log; while it is down, the journal. Throws CliError DAEMON_UNREACHABLE with both failures. */
export async function readDaemonLogs({ daemon, signal }: CliContext): Promise<ReadLogs> {
  try {
    return { source: "daemon", ...(await daemon.page("/debug/logs", logPageSchema)) };
  } catch (error) {
    if (!(error instanceof CliError) || error.detail.code !== "DAEMON_UNREACHABLE") throw error;
    const entries = await readJournal(signal);
    if (entries !== undefined) return { source: "journal", first: 0, entries };
    throw new CliError(
      error.detail.code,
      `${error.message}\nthe journal has nothing of the unit headcni either; --file reads a file`,
      error,
    );
  }
}

async function readJournal(signal: AbortSignal): Promise<readonly LogEntry[] | undefined> {
  try {
    const args = ["-u", "headcni", "-o", "cat", "-n", "5000", "--no-pager", "-q"];
    const { stdout } = await execa("journalctl", args, { cancelSignal: signal });
    const entries = parseLines(stdout);
    return entries.length === 0 ? undefined : entries;
  } catch {
    return undefined;
  }
}

/** The end of a file of JSON lines or plain ones, secrets removed. */
export async function readLogFile(path: string): Promise<ReadLogs> {
  try {
    return { source: path, first: 0, entries: parseLines(await readEnd(path)) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CliError("NOT_FOUND", `${path} cannot be read: ${code}`, error);
  }
}

/** tailscaled's log stands beside the daemon's sockets. */
export function tailscaledLog(socketPath: string): string {
  return join(dirname(socketPath), "tailscaled.log");
}

async function readEnd(path: string): Promise<string> {
  const { size } = await stat(path);
  const start = Math.max(0, size - maxFileBytes);
  const end = await text(createReadStream(path, { start }));
  return start === 0 ? end : end.replace(/^[^\n]*\n/, "");
}

function parseLines(lines: string): readonly LogEntry[] {
  return lines
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const safe = redactLine(line, []);
      try {
        const parsed: unknown = JSON.parse(safe);
        if (typeof parsed === "object" && parsed !== null) return parsed as LogEntry;
      } catch {
        // A line that is no JSON is its own message.
      }
      return { msg: safe };
    });
}
