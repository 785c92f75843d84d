/** `npm run release`: makes all files of a release (docs/releasing.md). */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LabError } from "../test/lab/lab-error.ts";
import { stderrProgress } from "../test/lab/progress.ts";
import { makeRelease } from "./release/make-release.ts";
import { reportRefusal } from "./report-refusal.ts";

const usage = `npm run release -- --version X [OPTION...]
Makes the files of a release from a clean checkout (as root) and prints the folder that they are in.
  --version X        as package.json, the chart and CHANGELOG.md say it
  --repository NAME  where the image will be pulled from, such as registry.example.org/headcni; the chart's own by default
  --out DIR          dist/release-X by default; it must not exist`;

try {
  const { values } = parseArgs({
    options: {
      version: { type: "string" },
      repository: { type: "string", default: "localhost/headcni/headcni" },
      out: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { version, repository, out } = values;
  if (values.help) console.log(usage);
  else if (version === undefined)
    throw new LabError("BAD_OPTION", "no release: give --version X, as package.json says it");
  else {
    const folder = resolve(out ?? join(import.meta.dirname, "..", "dist", `release-${version}`));
    await makeRelease({ version, repository, folder }, stderrProgress());
    console.log(folder);
  }
} catch (error) {
  reportRefusal(error);
}
