/**
 * Builds the inspector's page out of `visualizations/inspector/` and the generated layouts. The daemon's build embeds what this gives
 * (deploy/build.ts); a daemon that runs from source calls it at its start.
 */
import { readFile } from "node:fs/promises";
import { build } from "esbuild";
import type { PageFiles } from "../src/observe/inspector/page-files.ts";

const source = new URL("../visualizations/inspector/", import.meta.url);
const generated = new URL("../visualizations/generated/", import.meta.url);
/** In `generated/`: every machine's chart and its layout. */
export const inspectorChartsFile = "inspector-charts.json";

/** The page's files by URL path. */
export async function pageFiles(): Promise<PageFiles> {
  const [html, script, style, charts] = await Promise.all([
    readFile(new URL("page.html", source), "utf8"),
    bundled("page.ts"),
    bundled("style/page.css"),
    readFile(new URL(inspectorChartsFile, generated), "utf8"),
  ]);
  return {
    "/inspect": { contentType: "text/html; charset=utf-8", body: html },
    "/inspect/page.js": { contentType: "text/javascript; charset=utf-8", body: script },
    "/inspect/page.css": { contentType: "text/css; charset=utf-8", body: style },
    "/inspect/charts.json": { contentType: "application/json; charset=utf-8", body: charts },
  };
}

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, source).pathname],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: ["chrome120", "firefox121", "safari17.2"],
    legalComments: "none",
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}
