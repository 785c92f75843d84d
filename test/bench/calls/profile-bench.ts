import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import type { Progress } from "../../lab/progress.ts";
import { restartDaemon } from "../daemon/daemon-runs.ts";
import { table } from "../report/table.ts";
import { labCandidate } from "./lab-candidate.ts";
import { benchPlugins } from "./plugin-bench.ts";

/** The V8 CPU profile format, as far as it is read here (Chrome DevTools Protocol, `Profiler.Profile`). */
const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

/** A function and the milliseconds that samples found it running itself. */
type SelfTime = { readonly name: string; readonly place: string; readonly ms: number };

/**
 * Runs a node's daemon under V8's profiler while it alone attaches and detaches pods, apart from all measured runs.
 * Returns lines for people: where the profiles are (for DevTools or VS Code), and each thread's costliest functions.
 */
export async function profileDaemon(
  lab: Lab,
  node: LabNode,
  { pods, sandboxPrefix }: { readonly pods: number; readonly sandboxPrefix: string },
  progress: Progress,
): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-profile-"));
  await restartDaemon(lab, node, ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=200"]);
  progress("Profile: the daemon alone under ADD and DEL");
  await benchPlugins(
    async () => [await labCandidate(node)],
    { pods, rounds: 3, sandboxPrefix },
    () => {},
  );
  // The profile is written when the process ends.
  await restartDaemon(lab, node);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile")).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return [
    `Profiles of the daemon under ADD and DEL, one file per thread: ${folder}`,
    ...texts.flatMap((text, index) => [
      "",
      costliest(files[index] ?? "", profileSchema.parse(JSON.parse(text))),
    ]),
  ];
}

function costliest(file: string, profile: z.infer<typeof profileSchema>): string {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selves = new Map<string, SelfTime>();
  for (const [index, id] of profile.samples.entries()) {
    const frame = names.get(id);
    if (frame === undefined || frame.functionName === "(idle)") continue;
    const name = frame.functionName || "(anonymous)";
    const place = frame.url === "" ? "" : `${frame.url.split("/").at(-1)}:${frame.lineNumber + 1}`;
    const key = `${name} ${place}`;
    const ms = (selves.get(key)?.ms ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000;
    selves.set(key, { name, place, ms });
  }
  const sorted = [...selves.values()].sort((a, b) => b.ms - a.ms);
  const busyMs = sorted.reduce((sum, { ms }) => sum + ms, 0);
  const rows = sorted.slice(0, 15).map(({ name, place, ms }) => {
    const share = `${((ms / busyMs) * 100).toFixed(1)} %`;
    return [`${name.slice(0, 40)} ${place.slice(-30)}`.trimEnd(), ms.toFixed(0), share];
  });
  return table([
    [`thread ${file.split(".").at(-3) ?? file}, busy ${busyMs.toFixed(0)} ms`, "self ms", "share"],
    ...rows,
  ]);
}
