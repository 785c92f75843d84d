/** `npm run image`: builds HeadCNI's image, or only the folder that it is built in. */
import { parseArgs } from "node:util";
import { LabError } from "../test/lab/lab-error.ts";
import { stderrProgress } from "../test/lab/progress.ts";
import { type Architecture, ownArchitecture, parseArchitectures } from "./architecture/architecture.ts";
import { ensureImage } from "./image/ensure-image.ts";
import { ensureImageIndex } from "./image/ensure-index.ts";
import { makeContext } from "./image/image-context.ts";
import { reportRefusal } from "./report-refusal.ts";

const usage = `npm run image [-- OPTION...]
Builds HeadCNI's image from deploy/Dockerfile with buildah (as root) and prints the path of an OCI archive.
  --name NAME      localhost/headcni/headcni:lab by default
  --base IMAGE     what the Dockerfile builds on, such as docker.io/library/node:24-bookworm-slim;
                   by default a base made here of Debian's packages
  --arch LIST      amd64, arm64 or amd64,arm64; this machine's by default. Two give one archive with an index, whose
                   digest is printed too. What is for another architecture is built with qemu (Linux 6.7 or newer)
  --context DIR    only make the folder to build in, for another builder`;

type Values = {
  readonly name: string;
  readonly base?: string | undefined;
  readonly context?: string | undefined;
};

try {
  const { values } = parseArgs({
    options: {
      name: { type: "string", default: "localhost/headcni/headcni:lab" },
      base: { type: "string" },
      context: { type: "string" },
      arch: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) console.log(usage);
  else await build(values.arch === undefined ? [ownArchitecture()] : parseArchitectures(values.arch), values);
} catch (error) {
  reportRefusal(error);
}

async function build(
  [architecture = ownArchitecture(), ...others]: readonly Architecture[],
  { name, base, context }: Values,
): Promise<void> {
  const progress = stderrProgress();
  if (context !== undefined) {
    if (others.length > 0)
      throw new LabError("BAD_OPTION", "--context takes one architecture: run it once for each, with --arch");
    await makeContext(context, progress, architecture);
    console.log(context);
  } else if (others.length > 0) {
    const index = await ensureImageIndex({ name, base, architectures: [architecture, ...others] }, progress);
    progress(`${name}: ${(index.bytes / 1e6).toFixed(0)} MB, ${index.digest}`);
    console.log(index.archive);
  } else {
    const { archive, bytes } = await ensureImage({ name, base, architecture }, progress);
    progress(`${name}: ${(bytes / 1e6).toFixed(0)} MB`);
    console.log(archive);
  }
}
