import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../test/lab/lab-error.ts";
import { run } from "../../test/lab/run-command.ts";
import type { Architecture } from "../architecture/architecture.ts";

/** A blob of an OCI layout (image-spec 1.1, "descriptor"). */
type Descriptor = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
};
type Index = { readonly manifests: readonly Descriptor[] };

/** An archive with one image, and the architecture that it must be of. */
export type IndexPart = { readonly architecture: Architecture; readonly archive: string };

const indexType = "application/vnd.oci.image.index.v1+json";

/**
 * Writes the images of several architectures as one OCI index into an archive. The same images give the same archive.
 * @returns the digest of the index. Throws LabError BUILD_FAILED for an image of another architecture than asked for.
 */
export async function writeImageIndex(
  name: string,
  parts: readonly IndexPart[],
  archive: string,
): Promise<string> {
  const work = await mkdtemp(`${archive}.`);
  try {
    const layout = join(work, "layout");
    const blobs = join(layout, "blobs", "sha256");
    await mkdir(blobs, { recursive: true });
    const manifests: Descriptor[] = [];
    for (const part of parts) manifests.push(await addImage(part, join(work, part.architecture), blobs));
    const index = await writeJson(blobs, { schemaVersion: 2, mediaType: indexType, manifests }, indexType);
    // containerd takes the name from the first, skopeo and podman from the second.
    const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
    await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    const entry = { ...index, annotations };
    await writeFile(
      join(layout, "index.json"),
      JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] }),
    );
    const unfinished = join(work, "index.tar");
    await packReproducibly(layout, unfinished);
    await rename(unfinished, archive);
    return index.digest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A tar archive of what is in the folder; the same content gives the same bytes, whoever owns it and when it was made. */
export async function packReproducibly(folder: string, archive: string, member = "."): Promise<void> {
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"] as const;
  await run(["tar", ...same, "-C", folder, "-cf", archive, member]);
}

async function addImage(
  { architecture, archive }: IndexPart,
  folder: string,
  blobs: string,
): Promise<Descriptor> {
  await mkdir(folder);
  await run(["tar", "-C", folder, "-xf", archive]);
  const content = join(folder, "blobs", "sha256");
  const json = async (digest: string) =>
    JSON.parse(await readFile(join(content, digest.replace("sha256:", "")), "utf8"));
  const { manifests }: Index = JSON.parse(await readFile(join(folder, "index.json"), "utf8"));
  const [only] = manifests;
  if (only === undefined || manifests.length > 1)
    throw new LabError(
      "BUILD_FAILED",
      `${archive} has ${manifests.length} images; an index takes one a part`,
    );
  const { config }: { readonly config: Descriptor } = await json(only.digest);
  const { architecture: found } = await json(config.digest);
  if (found !== architecture)
    throw new LabError(
      "BUILD_FAILED",
      `the image in ${archive} is for ${found}, not for ${architecture}: give a base for ${architecture}`,
    );
  for (const name of await readdir(content)) await rename(join(content, name), join(blobs, name));
  const { mediaType, digest, size } = only;
  return { mediaType, digest, size, platform: { architecture, os: "linux" } };
}

/** Writes it under the name that its content has. */
async function writeJson(blobs: string, value: unknown, mediaType: string): Promise<Descriptor> {
  const content = JSON.stringify(value);
  const hash = createHash("sha256").update(content).digest("hex");
  await writeFile(join(blobs, hash), content);
  return { mediaType, digest: `sha256:${hash}`, size: Buffer.byteLength(content) };
}
