import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../test/lab/lab-error.ts";

const chart = join(import.meta.dirname, "..", "chart", "headcni");

/** An image by its content. */
export type PinnedImage = { readonly repository: string; readonly digest: string };

/** Copies the chart to `folder`, with an image pinned by its digest as the default. Its own comments stay. */
export async function writePinnedChart(folder: string, image: PinnedImage): Promise<void> {
  await cp(chart, folder, { recursive: true });
  const file = join(folder, "values.yaml");
  await writeFile(file, pinImage(await readFile(file, "utf8"), image));
}

/** values.yaml with this image. Throws LabError BUILD_FAILED when the lines that say it are not there. */
export function pinImage(values: string, { repository, digest }: PinnedImage): string {
  const pinned = values
    .replace(/^(image:\n {2}repository: ).*$/m, `$1${repository}`)
    .replace(/^( {2}digest: )""$/m, `$1"${digest}"`);
  if (!pinned.includes(`  repository: ${repository}\n`) || !pinned.includes(`  digest: "${digest}"\n`))
    throw new LabError(
      "BUILD_FAILED",
      "deploy/chart/headcni/values.yaml has no image.repository and image.digest",
    );
  return pinned;
}
