import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "../../../src/cli/cli-error.ts";
import { openRecording } from "../../../src/cli/replay/recording-file.ts";
import { momentAt, recordedDetails, spanOf } from "../../../src/observe/recorder/moments.ts";
import { type FuzzTargetSource, wordsOfAsync } from "../fuzz-target.ts";

function declared(error: unknown): string | undefined {
  // Behind the file's name, which another run has otherwise.
  return error instanceof CliError ? `${error.detail.code} ${error.message.split("file").at(-1)}` : undefined;
}

/** The input is a file that `headcnictl replay` is given: an archive, or a recording. */
export const recording: FuzzTargetSource = {
  words: [
    ...[
      '"format":1',
      '"daemon":{"node":"n","version":"0","pid":1}',
      '"at":1700000000000',
      '"segments":[',
      "]",
    ],
    ...[
      '{"firstSeq":1,"startedAt":1700000000000,"texts":[',
      '"records":"',
      '"a\\tb\\tc\\td\\te"',
      "\\t",
      "},",
    ],
    // Numbers: 1 to 5 begin a record, 128 and more go on.
    ...["AQEB", "AgAB", "AwAB", "BAAB", "BQAB", "gAEB", "////", "AAAA", "="],
    ...["\u001f\u008b", "recording.json", "ustar"],
  ],
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), "headcni-fuzz-"));
    const path = join(folder, "file");
    return {
      run(input) {
        writeFileSync(path, input);
        return wordsOfAsync(async () => {
          const read = await openRecording(path, { node: undefined, program: "daemon" });
          const { from, to, firstSeq, lastSeq, failures } = spanOf(read);
          if (from > to || firstSeq > lastSeq + 1) throw new Error("a recording that ends before it begins");
          const moments = [{ at: from }, { at: to }, { seq: firstSeq }, { seq: lastSeq }].map((moment) => {
            const { actors, entries } = momentAt(read, moment);
            return { actors, entries, details: recordedDetails(read, actors[0]?.key ?? "", moment) };
          });
          return { failures, ...moments };
        }, declared);
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
};
