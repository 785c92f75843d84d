/** `npm run image`: builds HeadCNI's image, or only the folder that it is built in. */
import { parseArgs } from "node:util";
import { LabError } from "../test/lab/lab-error.ts";
import { stderrProgress } from "../test/lab/progress.ts";
import { ensureImage } from "./image/ensure-image.ts";
import { makeContext } from "./image/image-context.ts";

const usage = `npm run image [-- OPTION...]
Builds HeadCNI's image from deploy/Dockerfile with buildah (as root) and prints the path of an OCI archive.
  --name NAME      localhost/headcni/headcni:lab by default
  --base IMAGE     what the Dockerfile builds on, such as docker.io/library/node:24-bookworm-slim;
                   by default a base made here of Debian's packages
  --context DIR    only make the folder to build in, for another builder`;

try {
  const { values } = parseArgs({
    options: {
      name: { type: "string", default: "localhost/headcni/headcni:lab" },
      base: { type: "string" },
      context: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const progress = stderrProgress();
  if (values.help) console.log(usage);
  else if (values.context !== undefined) {
    await makeContext(values.context, progress);
    console.log(values.context);
  } else {
    const { archive, bytes } = await ensureImage({ name: values.name, base: values.base }, progress);
    progress(`${values.name}: ${(bytes / 1e6).toFixed(0)} MB`);
    console.log(archive);
  }
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
