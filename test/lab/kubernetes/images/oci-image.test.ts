import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { run } from "../../run-command.ts";
import { type ImageSource, writeImageArchive } from "./oci-image.ts";

const temporaryFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), "headcni-oci-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

const imageOf = async (folder: string): Promise<ImageSource> => {
  const root = join(folder, "root");
  await mkdir(join(root, "bin"), { recursive: true });
  await writeFile(join(root, "bin", "hello"), "#!/bin/sh\necho hello\n", { mode: 0o755 });
  return { name: "localhost/test/hello:1", root, entrypoint: ["/bin/hello"] };
};

test("every blob of an archive is what its digest and its size say", async () => {
  const folder = await temporaryFolder();
  const archive = join(folder, "archive.tar");
  await writeImageArchive([await imageOf(folder)], join(folder, "layout"), archive);
  const out = join(folder, "out");
  await mkdir(out);
  await run(["tar", "-C", out, "-xf", archive]);
  const index = JSON.parse(await readFile(join(out, "index.json"), "utf8"));
  const blob = async ({ digest, size }: { digest: string; size: number }) => {
    const content = await readFile(join(out, "blobs", "sha256", digest.replace("sha256:", "")));
    expect(createHash("sha256").update(content).digest("hex")).toBe(digest.replace("sha256:", ""));
    expect(content.length).toBe(size);
    return content;
  };
  expect(index.manifests).toHaveLength(1);
  expect(index.manifests[0].annotations).toEqual({ "io.containerd.image.name": "localhost/test/hello:1" });
  const manifest = JSON.parse((await blob(index.manifests[0])).toString());
  const config = JSON.parse((await blob(manifest.config)).toString());
  expect(config.config.Entrypoint).toEqual(["/bin/hello"]);
  // An uncompressed layer's digest is its diff id (image-spec, config.md).
  expect(config.rootfs.diff_ids).toEqual([manifest.layers[0].digest]);
  await blob(manifest.layers[0]);
});

test("the same folder gives the same archive at another time and place", async () => {
  const archives = [];
  for (const folder of [await temporaryFolder(), await temporaryFolder()]) {
    const archive = join(folder, "archive.tar");
    await writeImageArchive([await imageOf(folder)], join(folder, "layout"), archive);
    archives.push(await readFile(archive));
  }
  expect(archives[0]?.equals(archives[1] ?? Buffer.alloc(0))).toBe(true);
});
