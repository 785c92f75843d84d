import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Architecture, parseArchitectures } from "../../../deploy/architecture/architecture.ts";
import { architectureCheck } from "../../../deploy/image/image-context.ts";
import { writeImageIndex } from "../../../deploy/image/image-index.ts";
import { writeImageArchive } from "../../lab/kubernetes/images/oci-image.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

test("a list of architectures, each once", () => {
  expect(parseArchitectures("arm64,amd64,arm64")).toEqual(["arm64", "amd64"]);
});

test.each(["riscv64", "amd64,", "x64", "amd64 arm64", ""])(
  '"%s" is refused, with what would be right',
  (list) => {
    expect(() => parseArchitectures(list)).toThrow(`--arch ${list}: `);
    expect(() => parseArchitectures(list)).toThrow("give amd64, arm64 or both (amd64,arm64)");
  },
);

/** An archive with a small image for an architecture. */
async function imageFor(architecture: Architecture): Promise<string> {
  const folder = temporaryDirectory();
  const root = join(folder, "root");
  await mkdir(root);
  await writeFile(join(root, "name"), architecture);
  const archive = join(folder, "image.tar");
  const image = { name: "localhost/test/image:1", root, entrypoint: [], architecture };
  await writeImageArchive([image], join(folder, "layout"), archive);
  return archive;
}

test("an index names the image of each architecture, and is the same each time", async () => {
  const folder = temporaryDirectory();
  const digests = [];
  for (const name of ["one.tar", "two.tar"]) {
    const parts = [];
    for (const architecture of ["amd64", "arm64"] as const)
      parts.push({ architecture, archive: await imageFor(architecture) });
    digests.push(await writeImageIndex("localhost/test/image:1", parts, join(folder, name)));
  }
  expect(digests[0]).toBe(digests[1]);
  const read = async (path: string) => await run(["tar", "-xOf", join(folder, "one.tar"), path]);
  const [entry] = JSON.parse(await read("./index.json")).manifests;
  expect(entry.digest).toBe(digests[0]);
  const index = JSON.parse(await read(`./blobs/sha256/${entry.digest.slice("sha256:".length)}`));
  expect(index.manifests.map(({ platform }: { platform: unknown }) => platform)).toEqual([
    { architecture: "amd64", os: "linux" },
    { architecture: "arm64", os: "linux" },
  ]);
  expect(await readFile(join(folder, "one.tar"))).toEqual(await readFile(join(folder, "two.tar")));
});

test("an image of another architecture than asked for is named", async () => {
  const archive = await imageFor("amd64");
  const index = join(temporaryDirectory(), "index.tar");
  await expect(
    writeImageIndex("localhost/test/image:1", [{ architecture: "arm64", archive }], index),
  ).rejects.toThrow("is for amd64, not for arm64: give a base for arm64");
});

test("a program started on a machine of another architecture says which files it needs", async () => {
  const folder = temporaryDirectory();
  const machine = (await run(["uname", "-m"])).trim();
  const [own, other] = machine === "aarch64" ? (["arm64", "amd64"] as const) : (["amd64", "arm64"] as const);
  for (const architecture of [own, other])
    await writeFile(join(folder, architecture), `${architectureCheck(architecture)}echo started\n`);
  expect(await run(["sh", join(folder, own)])).toBe("started\n");
  const refused = await runResult(["sh", join(folder, other)]);
  expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
  expect(refused.stderr).toContain(`these files are for ${other}`);
  expect(refused.stderr).toContain(`this machine is ${machine}: install those for its architecture`);
});
