/**
 * Bundles the daemon into `dist/`: one file for the main thread, one for the kernel worker, headcnictl, and the inspector's
 * page, which is loaded only where it is enabled; beside them the units of systemd. koffi holds a native
 * library, so it stays beside the bundle in node_modules.
 */
import { cp, rm, writeFile } from "node:fs/promises";
import { build, type Plugin } from "esbuild";
import { pageFiles } from "../visualizations/inspector-page.ts";

const root = new URL("..", import.meta.url).pathname;

/** CommonJS packages inside an ES module bundle ask for `require` and `__dirname`. */
const banner = [
  'import { createRequire as headcniCreateRequire } from "node:module";',
  "const require = headcniCreateRequire(import.meta.url);",
  "const __filename = import.meta.filename; const __dirname = import.meta.dirname;",
].join("\n");

/**
 * client-node's KubeConfig and port-forward name the generated API (10 MB of source) for what HeadCNI does not call: 7 MB less memory
 * in the daemon without it. Fails the build when client-node no longer asks for it under this name.
 */
const withoutGeneratedApi: Plugin = {
  name: "without-generated-api",
  setup({ onResolve, onLoad, onEnd }) {
    let replaced = 0;
    onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      importer.includes("@kubernetes/client-node/dist/")
        ? { path: "gen", namespace: "without-generated-api" }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: "without-generated-api" }, () => {
      replaced += 1;
      return { contents: unusedApi };
    });
    onEnd(() =>
      replaced > 0
        ? {}
        : { errors: [{ text: "client-node no longer imports ./gen/index.js: see deploy/build.ts" }] },
    );
  },
};
const unusedApi = ["ServerConfiguration", "createConfiguration", "AppsV1Api", "CoreV1Api"]
  .map((name) => `export const ${name} = undefined;`)
  .join("\n");

export async function buildDaemon(outputDirectory = `${root}dist`): Promise<string> {
  await rm(outputDirectory, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      headcni: "src/main.ts",
      "headcni-wire": "src/wire/main.ts",
      "headcni-resolver": "src/resolver/main.ts",
      "headcni-clean-nodes": "src/clean-nodes/main.ts",
      "kernel-worker": "src/adapters/netlink/kernel-worker.ts",
      headcnictl: "src/cli/main.ts",
      "headcnictl-helper": "src/cli/helper.ts",
    },
    outdir: outputDirectory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // Names stay: logs and profiles speak of them.
    minifySyntax: true,
    minifyWhitespace: true,
    platform: "node",
    target: "node24",
    format: "esm",
    external: ["koffi"],
    plugins: [withoutGeneratedApi],
    sourcemap: "linked",
    legalComments: "linked",
    banner: { js: banner },
    logLevel: "warning",
  });
  const page = JSON.stringify(await pageFiles());
  await writeFile(
    `${outputDirectory}/inspector-page.mjs`,
    `const files = ${page};\nexport const pageFiles = async () => files;\n`,
  );
  // What `headcnictl install` writes.
  await cp(`${root}deploy/systemd`, `${outputDirectory}/systemd`, { recursive: true });
  return `${outputDirectory}/headcni.mjs`;
}

if (import.meta.main) console.log(await buildDaemon());
