import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quickJsComponents } from "../../cni/build-quickjs.ts";
import { cacheFolder, ensureTailscale } from "../../test/lab/build/go-tools.ts";
import type { Progress } from "../../test/lab/progress.ts";
import { run } from "../../test/lab/run-command.ts";
import type { Architecture } from "../architecture/architecture.ts";
import { debianRelease } from "../architecture/toolchain.ts";
import { ensureLocalBase } from "../image/local-base.ts";
import { debianComponents, goComponents, npmComponents } from "./components.ts";
import type { Component } from "./software-bill.ts";

/** Everything of others that a release for these architectures contains, each once. */
export async function readComponents(
  root: string,
  architectures: readonly Architecture[],
  progress: Progress,
): Promise<readonly Component[]> {
  const found = [...npmComponents(await readFile(join(root, "package-lock.json"), "utf8"))];
  const suite = await debianRelease();
  for (const architecture of architectures) {
    const tailscale = await ensureTailscale(progress, architecture);
    for (const program of ["tailscaled", "tailscale"])
      found.push(...goComponents(await run(["go", "version", "-m", join(tailscale, program)])));
    const status = await dpkgStatus(await ensureLocalBase(progress, architecture));
    found.push(...debianComponents(status, architecture, suite));
    found.push(...(await quickJsComponents(cacheFolder(), architecture)));
  }
  return [...new Map(found.map((component) => [component.purl, component])).values()];
}

/** Of an OCI archive with one layer. */
async function dpkgStatus(archive: string): Promise<string> {
  const member = async (path: string) => await run(["tar", "-xOf", archive, path]);
  const blob = (digest: string) => `./blobs/sha256/${digest.replace("sha256:", "")}`;
  const index: { manifests: [{ digest: string }] } = JSON.parse(await member("./index.json"));
  const manifest: { layers: [{ digest: string }] } = JSON.parse(
    await member(blob(index.manifests[0].digest)),
  );
  const layer = blob(manifest.layers[0].digest);
  return await run([
    "sh",
    "-c",
    'tar -xOf "$1" "$2" | tar -xOf - ./var/lib/dpkg/status',
    "sh",
    archive,
    layer,
  ]);
}
