import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cacheFolder } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import type { Architecture } from "../architecture/architecture.ts";
import { exists } from "../architecture/debian-download.ts";
import { ensureImage, type ImageArchive, markUsed } from "./ensure-image.ts";
import { writeImageIndex } from "./image-index.ts";
import { pruneCache } from "./prune-cache.ts";

export type IndexOptions = {
  readonly name: string;
  readonly base?: string | undefined;
  readonly architectures: readonly Architecture[];
};

/** An index of images, one an architecture, and its digest. */
export type ImageIndex = ImageArchive & { readonly digest: string };

/** Builds the image for each architecture, and one archive with an index of them, unless the cache has it. As `ensureImage`. */
export async function ensureImageIndex(
  { name, base, architectures }: IndexOptions,
  progress: Progress,
): Promise<ImageIndex> {
  const parts = [];
  for (const architecture of architectures) {
    const { archive } = await ensureImage({ name, base, architecture }, progress);
    parts.push({ architecture, archive });
  }
  // The name of each archive says what is in it.
  const hash = createHash("sha256").update(JSON.stringify(parts.map(({ archive }) => basename(archive))));
  const archive = join(cacheFolder(), `index-${hash.digest("hex").slice(0, 12)}.tar`);
  const note = `${archive}.digest`;
  if (!((await exists(note)) && (await markUsed(archive)))) {
    progress(`Putting ${architectures.join(" and ")} into one index`);
    await writeFile(note, await writeImageIndex(name, parts, archive));
  }
  await pruneCache(cacheFolder(), /^index-[0-9a-f]{12}\.tar$/);
  return { name, archive, bytes: (await stat(archive)).size, digest: await readFile(note, "utf8") };
}
