import { appendFileSync, renameSync, statSync } from "node:fs";
import type { Readable } from "node:stream";

const maxLogBytes = 4 * 1024 * 1024;

/**
 * Passes a program's output on to ours and to `file`, which becomes `<file>.old` when it holds some megabytes. A file that takes
 * nothing, as on a full disk, holds up nothing.
 */
export function passOn(output: readonly (Readable | null)[], file: string): void {
  for (const stream of output)
    stream?.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      append(file, chunk);
    });
}

function append(file: string, chunk: Buffer): void {
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > maxLogBytes) renameSync(file, `${file}.old`);
    appendFileSync(file, chunk, { mode: 0o600 });
  } catch {
    // Our own output has it.
  }
}
