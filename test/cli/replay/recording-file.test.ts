import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { tarGz } from "../../../src/cli/diagnostics/tar-gz.ts";
import { openRecording } from "../../../src/cli/replay/recording-file.ts";
import { momentAt, spanOf } from "../../../src/observe/recorder/moments.ts";
import { recordedSystem } from "../../observe/recorder/recorded-system.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** What a daemon gives, of a system whose machines are named. */
function recordingOf(...machines: readonly string[]): string {
  const { spawn, page } = recordedSystem();
  for (const machine of machines) spawn(machine);
  return page();
}

function save(content: string | Uint8Array, name = "file"): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content);
  return path;
}

const archive = (files: Readonly<Record<string, string>>) =>
  tarGz(
    Object.entries(files).map(([path, text]) => ({ path: `headcni-diagnostics-x/${path}`, text })),
    new Date(),
  );

const ofDaemon = { node: undefined, program: "daemon" } as const;

test("the recording of an archive's only node is read, and that of its wire where it is asked for", async () => {
  const file = save(
    await archive({
      "n1/logs.json": "x".repeat(100_000),
      "n1/recording.json": recordingOf("of-daemon"),
      "n1/recording-wire.json": recordingOf("of-wire"),
      "n1/manifest.json": "{}",
    }),
  );
  for (const [program, machine] of [
    ["daemon", "of-daemon"],
    ["wire", "of-wire"],
  ] as const) {
    const recording = await openRecording(file, { node: undefined, program });
    const { actors } = momentAt(recording, { seq: spanOf(recording).lastSeq });
    expect(actors.map(({ actor }) => actor)).toContain(machine);
  }
});

test("a recording that was taken out of its archive is read, too", async () => {
  const recording = await openRecording(save(recordingOf("a")), ofDaemon);
  expect(spanOf(recording).daemon.node).toBe("n1");
});

test("of several nodes one is to be named", async () => {
  const file = save(
    await archive({ "n1/recording.json": recordingOf("a"), "n2/recording.json": recordingOf("b") }),
  );
  await expect(openRecording(file, ofDaemon)).rejects.toThrow(/recordings of n1, n2: name one with --node/);
  await expect(openRecording(file, { ...ofDaemon, node: "n3" })).rejects.toThrow(
    /no recording of n3, but of n1, n2/,
  );
  const { parts } = await openRecording(file, { ...ofDaemon, node: "n2" });
  expect(JSON.stringify(parts)).toContain('"actor":"b"');
});

const folder = () => {
  const path = join(temporaryDirectory(), "folder");
  mkdirSync(path);
  return path;
};
const good = () => archive({ "n1/recording.json": recordingOf("a") });
const later = '{"format":2,"daemon":{"node":"n1","version":"9.1.0","pid":1}}';

test.each<readonly [string, () => string | Promise<string>, RegExp]>([
  [
    "no file",
    () => join(temporaryDirectory(), "none"),
    /none: there is no such file; give it an archive that/,
  ],
  ["a folder", folder, /folder: it is a folder/],
  ["an empty file", () => save(""), /file is no recording, .*: it is no JSON/],
  ["a text", () => save("hello"), /file is no recording, .*: it is no JSON/],
  ["another document", () => save('{"kind":"Status"}'), /file is no recording, .*: format/],
  [
    "a later format",
    () => save(later),
    /format 2, and only 1 is known; headcnictl 9\.1\.0 or later reads it/,
  ],
  [
    "a later format within",
    async () => save(await archive({ "n1/recording.json": later })),
    /n1\/recording\.json in .*format 2/,
  ],
  ["a recording that is cut off", () => save(recordingOf("a").slice(0, -100)), /it was cut off or changed/],
  [
    "an archive that is cut off",
    async () => save((await good()).subarray(0, -40)),
    /it is cut off, copy it again/,
  ],
  [
    "an archive with a changed byte",
    async () => save((await good()).map((byte, index) => (index === 60 ? byte ^ 255 : byte))),
    /it is damaged or no archive/,
  ],
  ["another compressed file", () => save(gzipSync("x".repeat(2000))), /it is damaged or no archive/],
  [
    "an archive without a recording",
    async () => save(await archive({ "n1/status.json": "{}" })),
    /file has no recording\.json: .*manifest\.json says why/,
  ],
  [
    "a file that is too large",
    () => save("x".repeat(17 * 1024 ** 2)),
    /17 MiB, and no recording has more than 16/,
  ],
  [
    "a recording that is too large within",
    async () => save(await archive({ "n1/recording.json": "x".repeat(17 * 1024 ** 2) })),
    /n1\/recording\.json in .* has 17 MiB/,
  ],
])("%s is refused with what would be right", async (_, file, words) => {
  const opened = openRecording(await file(), ofDaemon);
  await expect(opened).rejects.toThrow(words);
  await expect(opened).rejects.toMatchObject({ detail: { code: "USAGE" } });
});
