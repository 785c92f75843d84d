import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type TarHeader, unpackTar } from "modern-tar";
import { type Recording, RecordingError, readRecording } from "../../observe/recorder/read-recording.ts";
import { CliError } from "../cli-error.ts";
import { recordingFiles } from "../diagnostics/recording-files.ts";

/** Which of the recordings in an archive. */
export interface WantedRecording {
  /** Undefined: of the only node. */
  readonly node: string | undefined;
  readonly program: keyof typeof recordingFiles;
}

/** Four times what a recorder holds, as JSON. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Reads an archive of `headcnictl diagnostics`, or a recording that was taken out of one. The file may be a stranger's: what is taken out
 * of it is bounded, and nothing is written. Throws CliError with what is wrong and what would be right.
 */
export async function openRecording(file: string, wanted: WantedRecording): Promise<Recording> {
  const { packed, size } = await look(file);
  if (packed) {
    const { name, text } = await takeOut(file, wanted);
    return read(`${name} in ${file}`, text);
  }
  if (size > maxBytes) throw tooLarge(file, size);
  return read(file, await textOf(createReadStream(file)));
}

/** By its first bytes (RFC 1952, 2.3.1), whatever it is called. */
async function look(file: string): Promise<{ readonly packed: boolean; readonly size: number }> {
  try {
    await using handle = await open(file);
    const { size } = await handle.stat();
    const { buffer } = await handle.read({ buffer: Buffer.alloc(2), position: 0 });
    return { packed: buffer.readUInt16BE() === 0x1f8b, size };
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const why =
      { ENOENT: "there is no such file", EISDIR: "it is a folder", EACCES: "it may not be read" }[code] ??
      code;
    throw wrong(`${file}: ${why}; give it an archive that headcnictl diagnostics wrote`, cause);
  }
}

async function takeOut(
  file: string,
  { node, program }: WantedRecording,
): Promise<{ readonly name: string; readonly text: string }> {
  const wantedName = recordingFiles[program];
  const found: TarHeader[] = [];
  // Twice, so that no more than one is in memory.
  await walk(file, (header) => {
    if (header.name.split("/").at(-1) === wantedName) found.push(header);
    return false;
  });
  const nodes = found.map(({ name }) => name.split("/").at(-2) ?? "");
  const chosen = node === undefined && found.length === 1 ? found[0] : found[nodes.indexOf(node ?? "")];
  if (chosen === undefined) throw notInside(file, { wantedName, nodes, node });
  if (chosen.size > maxBytes) throw tooLarge(`${chosen.name} in ${file}`, chosen.size);
  const [entry] = await walk(file, ({ name }) => name === chosen.name);
  return { name: chosen.name, text: new TextDecoder().decode(entry?.data) };
}

/** Gives the entries for which `wanted` gives true. */
async function walk(file: string, wanted: (header: TarHeader) => boolean) {
  const unpacked = createGunzip();
  const tar = Readable.toWeb(unpacked) as ReadableStream<Uint8Array>;
  try {
    const [entries] = await Promise.all([
      unpackTar(tar, { strict: true, filter: wanted }),
      pipeline(createReadStream(file), unpacked),
    ]);
    return entries;
  } catch (cause) {
    unpacked.destroy();
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "Z_BUF_ERROR"
        ? "it is cut off, copy it again"
        : "it is damaged or no archive of headcnictl diagnostics";
    throw wrong(`${file} cannot be unpacked: ${why}`, cause);
  }
}

function notInside(
  file: string,
  { wantedName, nodes, node }: { wantedName: string; nodes: readonly string[]; node: string | undefined },
): CliError {
  if (nodes.length === 0)
    return wrong(
      `${file} has no ${wantedName}: the node's program did not answer (manifest.json says why), or it is an older release. Run headcnictl diagnostics again`,
    );
  if (node === undefined) return wrong(`${file} has recordings of ${nodes.join(", ")}: name one with --node`);
  return new CliError("NOT_FOUND", `${file} has no recording of ${node}, but of ${nodes.join(", ")}`);
}

function read(name: string, text: string): Recording {
  try {
    return readRecording(text);
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    const { detail } = error;
    throw wrong(
      detail.code === "NEWER_RECORDING"
        ? `${name}: ${error.message}; headcnictl ${detail.version} or later reads it`
        : `${name} is no recording, or it was cut off or changed: ${detail.why}; give it an archive that headcnictl diagnostics wrote`,
      error,
    );
  }
}

function tooLarge(name: string, bytes: number): CliError {
  return wrong(
    `${name} has ${Math.ceil(bytes / 1024 ** 2)} MiB, and no recording has more than ${maxBytes / 1024 ** 2}: is it the right file?`,
  );
}

async function textOf(stream: Readable): Promise<string> {
  const chunks = await stream.toArray();
  return Buffer.concat(chunks as Buffer[]).toString("utf8");
}

function wrong(message: string, cause?: unknown): CliError {
  return new CliError("USAGE", message, cause);
}
