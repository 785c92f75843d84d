import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The root of the repository. */
export const root = join(import.meta.dirname, "..", "..");

/** A tool of the project that looks at the source and ends with 0 if all is well. */
type Check = {
  readonly name: string;
  readonly package: string;
  readonly bin: string;
  readonly args: readonly string[];
};

/** The native compiler, which has no API yet: dependency-cruiser and what reads sources here need TypeScript 6 beside it. */
const compiler = { package: "typescript-7", bin: "tsc" } as const;

const checks: readonly Check[] = [
  {
    name: "types",
    ...compiler,
    // Only what changed since the last check is read again.
    args: ["-p", ".", "--incremental", "--tsBuildInfoFile", "node_modules/.cache/types.tsbuildinfo"],
  },
  {
    name: "types of the inspector's page",
    ...compiler,
    args: ["-p", "visualizations/inspector"],
  },
  {
    name: "lint and format",
    package: "@biomejs/biome",
    bin: "biome",
    args: ["check", "--error-on-warnings"],
  },
  {
    name: "who may import whom",
    package: "dependency-cruiser",
    bin: "depcruise",
    args: ["src", "machines", "cni", "deploy", "visualizations", "--config", ".dependency-cruiser.cjs"],
  },
  { name: "nothing unused", package: "knip", bin: "knip", args: [] },
];

/** How the checks went: names of the failed ones. What a failed one printed stands on stderr. */
export type CheckOutcome = { readonly passed: number; readonly failed: readonly string[] };

/** Runs all checks one after another and prints a line for each. */
export async function runChecks(): Promise<CheckOutcome> {
  const failed: string[] = [];
  for (const check of checks) {
    const start = performance.now();
    const { exitCode, output } = await runTool(check);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${exitCode === 0 ? "ok  " : "FAIL"} ${check.name} (${seconds} s)`);
    if (exitCode === 0) continue;
    failed.push(check.name);
    console.error(output);
  }
  return { passed: checks.length - failed.length, failed };
}

/** Starts a package's program with this Node, without npx. */
export function toolPath(packageName: string, bin: string): string {
  const folder = join(root, "node_modules", packageName);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly bin: string | Readonly<Record<string, string>>;
  };
  const file = typeof manifest.bin === "string" ? manifest.bin : manifest.bin[bin];
  if (file === undefined) throw new Error(`${packageName} has no program ${bin}`);
  return join(folder, file);
}

async function runTool(check: Check): Promise<{ readonly exitCode: number; readonly output: string }> {
  const child = spawn(process.execPath, [toolPath(check.package, check.bin), ...check.args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
  }
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code ?? 1));
  });
  return { exitCode, output: output.join("") };
}
