/**
 * Bundles the daemon into `dist/`: one file for the main thread, one for the kernel worker, headcnictl, and the inspector's
 * page, which is loaded only where it is enabled; beside them the units of systemd. koffi holds a native
 * library, so it stays beside the bundle in node_modules.
 */
import { cp, rm, writeFile } from "node:fs/promises";
import { build, type Plugin } from "esbuild";
import { pageFiles } from "./inspector-page.ts";

const root = new URL("..", import.meta.url).pathname;

/** CommonJS packages inside an ES module bundle ask for `require` and `__dirname`. */
const banner = [
  'import { createRequire as headcniCreateRequire } from "node:module";',
  "const require = headcniCreateRequire(import.meta.url);",
  "const __filename = import.meta.filename; const __dirname = import.meta.dirname;",
].join("\n");

/**
 * What packages load and HeadCNI never uses, with what stands in its place. Without the API that is generated for client-node (10 MB of
 * source), its SOCKS proxies, which HeadCNI refuses, and undici's fetch, mocks and caches the daemon starts sooner and is smaller. Classes,
 * because client-node makes an agent before HeadCNI can refuse its proxy.
 */
const unused = [
  {
    importer: "@kubernetes/client-node/dist/",
    filter: /^\.\/gen\/index\.js$/,
    contents: exportsOf("ServerConfiguration", "createConfiguration", "AppsV1Api", "CoreV1Api"),
  },
  {
    importer: "@kubernetes/client-node/dist/",
    filter: /^socks(-proxy-agent)?$/,
    contents: exportsOf("SocksClient", "SocksProxyAgent"),
  },
  // Any member is a class: undici's entry makes instances of some.
  {
    importer: "undici/index.js",
    filter: /^\.\/lib\/(mock|web|cache|interceptor)\/|socks5-proxy-agent$/,
    contents: "module.exports = new Proxy(class {}, { get: () => class {} });",
  },
];

function exportsOf(...names: readonly string[]): string {
  return names.map((name) => `export class ${name} {}`).join("\n");
}

/** Fails the build when a package no longer asks for what is left out under this name. */
const withoutUnused: Plugin = {
  name: "without-unused",
  setup({ onResolve, onLoad, onEnd }) {
    const left = new Set(unused);
    for (const [index, entry] of unused.entries()) {
      onResolve({ filter: entry.filter }, ({ importer }) =>
        importer.includes(entry.importer) ? { path: String(index), namespace: "unused" } : undefined,
      );
    }
    onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => {
      const entry = unused[Number(path)];
      if (entry !== undefined) left.delete(entry);
      return { contents: entry?.contents ?? "" };
    });
    onEnd(() => ({
      errors: [...left].map(({ importer, filter }) => ({
        text: `${importer} no longer imports ${filter}: see deploy/build.ts`,
      })),
    }));
  },
};

export async function buildDaemon(outputDirectory = `${root}dist`): Promise<string> {
  await rm(outputDirectory, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      headcni: "src/programs/daemon/main.ts",
      "headcni-wire": "src/programs/wire/main.ts",
      "headcni-resolver": "src/programs/resolver/main.ts",
      "headcni-clean-nodes": "src/programs/clean-nodes/main.ts",
      "headcni-controller": "src/programs/controller/main.ts",
      "headcni-boot-unit": "src/programs/boot-unit/main.ts",
      "kernel-worker": "src/adapters/netlink/worker/kernel-worker.ts",
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
    plugins: [withoutUnused],
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
