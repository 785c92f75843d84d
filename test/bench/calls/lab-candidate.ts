import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { LabNode } from "../../lab/lab-types.ts";
import { BenchError } from "../bench-error.ts";
import type { Candidate } from "./candidate.ts";

const conflistSchema = z.looseObject({
  cniVersion: z.string(),
  name: z.string(),
  plugins: z.array(z.looseObject({ type: z.string() })).min(1),
});

/** HeadCNI on a node of a lab, configured by the conflist that its daemon wrote. */
export async function labCandidate(node: LabNode): Promise<Candidate> {
  const [file] = (await readdir(node.cniConfDir)).filter((name) => name.endsWith(".conflist")).sort();
  if (file === undefined) throw new BenchError("NOT_SETTLED", `the daemon of ${node.name} wrote no conflist`);
  const conflist = conflistSchema.parse(JSON.parse(await readFile(join(node.cniConfDir, file), "utf8")));
  const { cniVersion, name, plugins } = conflist;
  const [plugin] = plugins;
  if (plugin === undefined) throw new BenchError("NOT_SETTLED", `${file} has no plugin`);
  return {
    name: "headcni",
    netns: node.netns,
    plugin: join(node.cniBinDir, plugin.type),
    cniPath: node.cniBinDir,
    config: { cniVersion, name, ...plugin },
  };
}
