import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Architecture, ownArchitecture } from "../../../../deploy/architecture/architecture.ts";
import { packReproducibly } from "../../../../deploy/image/image-index.ts";

/** An image to make: the folder that becomes its only layer, and what runs by default. */
export type ImageSource = {
  /** Full name with tag, as pods ask for it. */
  readonly name: string;
  readonly root: string;
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly env?: readonly string[];
  /** Of what is in the folder; this machine's by default. */
  readonly architecture?: Architecture;
};

/** A blob of an OCI layout (image-spec, "descriptor"). */
type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

const manifestType = "application/vnd.oci.image.manifest.v1+json";

/**
 * Writes images as one OCI layout in a tar archive (OCI image-spec 1.1, image-layout.md). The same folders give the same
 * archive. `workFolder` must be empty; it holds the layout afterwards.
 */
export async function writeImageArchive(
  images: readonly ImageSource[],
  workFolder: string,
  archive: string,
): Promise<void> {
  const blobs = join(workFolder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const manifests = [];
  for (const image of images) {
    const manifest = await writeImage(image, blobs);
    // containerd takes the name from this annotation, whole.
    manifests.push({ ...manifest, annotations: { "io.containerd.image.name": image.name } });
  }
  await writeFile(join(workFolder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(workFolder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await packReproducibly(workFolder, archive);
}

async function writeImage(image: ImageSource, blobs: string): Promise<Descriptor> {
  const layerFile = join(blobs, "layer");
  await packReproducibly(image.root, layerFile);
  const layer = await settle(blobs, layerFile, "application/vnd.oci.image.layer.v1.tar");
  const config = {
    architecture: image.architecture ?? ownArchitecture(),
    os: "linux",
    config: {
      Entrypoint: image.entrypoint,
      Cmd: image.command ?? [],
      Env: ["PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", ...(image.env ?? [])],
    },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: await writeJson(blobs, config, "application/vnd.oci.image.config.v1+json"),
    layers: [layer],
  };
  return await writeJson(blobs, manifest, manifestType);
}

async function writeJson(blobs: string, value: unknown, mediaType: string): Promise<Descriptor> {
  const file = join(blobs, "json");
  await writeFile(file, JSON.stringify(value));
  return await settle(blobs, file, mediaType);
}

/** Gives a blob the name that its content has. */
async function settle(blobs: string, file: string, mediaType: string): Promise<Descriptor> {
  const content = await readFile(file);
  const hash = createHash("sha256").update(content).digest("hex");
  await rename(file, join(blobs, hash));
  return { mediaType, digest: `sha256:${hash}`, size: content.length };
}
