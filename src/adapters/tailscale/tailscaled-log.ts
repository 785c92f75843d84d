import { appendFileSync, renameSync, statSync } from "node:fs";
import type { Readable } from "node:stream";
import { visible } from "../../protocol/visible-text.ts";

const maxLogBytes = 4 * 1024 * 1024;

/**
 * Passes a program's output on to ours and to `file`, which becomes `<file>.old` when it holds some megabytes. A file that takes
 * nothing, as on a full disk, holds up nothing.
 */
export function passOn(output: readonly (Readable | null)[], file: string): void {
  for (const stream of output)
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      const text = visible(chunk);
      process.stdout.write(text);
      append(file, text);
    });
}

function append(file: string, text: string): void {
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > maxLogBytes) renameSync(file, `${file}.old`);
    appendFileSync(file, text, { mode: 0o600 });
  } catch {
    // Our own output has it.
  }
}
