import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabError } from "./lab-error.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import { labFolder, labFolderPrefix } from "./layout.ts";

/** Takes an id for a new lab by making its folder. Throws LabError BAD_OPTION if a lab has it. */
export async function claimLab(id: string): Promise<void> {
  await mkdir(labFolder(id), { mode: 0o755 }).catch((cause: unknown) => {
    throw new LabError("BAD_OPTION", `a lab "${id}" exists already: npm run lab -- down --id ${id}`, {
      cause,
    });
  });
}

/** Writes a lab's description into its folder. */
export async function saveLab(lab: Lab): Promise<void> {
  const file = join(lab.folder, "lab.json");
  await writeFile(`${file}.new`, JSON.stringify(lab, null, 2));
  await rename(`${file}.new`, file);
}

/** The ids of all labs of this machine, whole or not. */
export async function listLabs(): Promise<readonly string[]> {
  const names = await readdir(tmpdir());
  const labs = names.filter((name) => name.startsWith(labFolderPrefix));
  return labs.map((name) => name.slice(labFolderPrefix.length)).sort();
}

/** Resolves the id of a lab: the one asked for, or the only one there is. Throws LabError NO_SUCH_LAB with what there is. */
export async function resolveLabId(id: string | undefined): Promise<string> {
  const ids = await listLabs();
  if (id !== undefined) {
    if (ids.includes(id)) return id;
    const known = ids.length === 0 ? "there is none" : `there are: ${ids.join(", ")}`;
    throw new LabError("NO_SUCH_LAB", `no lab "${id}"; ${known}`);
  }
  const [only, ...others] = ids;
  if (only === undefined)
    throw new LabError("NO_SUCH_LAB", "no lab is up; start one: npm run lab -- up --nodes 2");
  if (others.length > 0)
    throw new LabError("NO_SUCH_LAB", `several labs are up, say which with --id: ${ids.join(", ")}`);
  return only;
}

/** Reads a lab's description; undefined if the lab broke before it had one. */
export async function readLab(id: string): Promise<Lab | undefined> {
  const text = await readFile(join(labFolder(id), "lab.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Lab);
}

/** Opens a lab that is up, from any process. Throws LabError NO_SUCH_LAB. */
export async function openLab(id?: string): Promise<Lab> {
  const resolved = await resolveLabId(id);
  const lab = await readLab(resolved);
  if (lab === undefined) {
    throw new LabError("NO_SUCH_LAB", `lab "${resolved}" is broken: npm run lab -- down --id ${resolved}`);
  }
  return lab;
}

/** The node of a lab with that name. Throws LabError NO_SUCH_NODE with the names there are. */
export function nodeOf(lab: Lab, name: string): LabNode {
  const node = lab.nodes.find((candidate) => candidate.name === name);
  if (node !== undefined) return node;
  throw new LabError(
    "NO_SUCH_NODE",
    `no node "${name}"; there are: ${lab.nodes.map((n) => n.name).join(", ")}`,
  );
}
