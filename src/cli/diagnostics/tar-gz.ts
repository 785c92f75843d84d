import { gzipSync } from "node:zlib";

export interface ArchivedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly text: string;
}

const blockBytes = 512;

/** A POSIX ustar archive of text files (IEEE Std 1003.1, pax "ustar Interchange Format"), gzip-compressed. */
export function tarGz(files: readonly ArchivedFile[], mtimeMs: number): Buffer {
  const blocks = files.flatMap(({ path, text }) => {
    const content = Buffer.from(text, "utf8");
    const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes);
    return [header(path, content.length, mtimeMs), content, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]));
}

function header(path: string, bytes: number, mtimeMs: number): Buffer {
  const { name, prefix } = splitPath(path);
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, "0");
  block.write(name, 0, 100);
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(Math.floor(mtimeMs / 1000), 12), 136);
  // The checksum is taken with blanks in its own place.
  block.write(" ".repeat(8), 148);
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148);
  return block;
}

/** A name takes 100 bytes; what is longer is split at a slash. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  const slash = path.indexOf("/", path.length - 101);
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}
