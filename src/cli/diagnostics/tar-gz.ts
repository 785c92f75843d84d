import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";

export interface ArchivedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** A gzip-compressed tar archive of text files that only their owner may read. */
export async function tarGz(files: readonly ArchivedFile[], mtime: Date): Promise<Buffer> {
  const entries = files.map(({ path, text }) => {
    const body = Buffer.from(text, "utf8");
    return { header: { name: path, size: body.length, mtime, mode: 0o600 }, body };
  });
  return gzipSync(await packTar(entries));
}
