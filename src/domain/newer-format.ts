import { aliasVersion, linkAliasVersion } from "./attachment/link-alias.ts";
import { attachmentLinkGroup, leavingLinkGroup } from "./kernel/kernel-constants.ts";
import type { KernelLink } from "./kernel/kernel-state.ts";
import { parseJson } from "./parse-json.ts";

/**
 * Of the JSON files in the state directory. A release whose files an earlier one would misread writes a higher number into their
 * property `version`; a file without one is of version 1.
 */
const stateFileVersion = 1;

/** What a later release left on this node in a format that this one does not know. */
export interface NewerFormat {
  /** "the alias of the link hc0123", "the file /var/lib/headcni/x.json". */
  readonly subject: string;
  readonly version: number;
  readonly known: number;
  /** How the operator takes it away once no pod is left on the node. */
  readonly removal: string;
}

/** Pods' links whose alias is of a later version. */
export function newerAliases(links: readonly KernelLink[]): readonly NewerFormat[] {
  return links
    .filter(({ group }) => group === attachmentLinkGroup || group === leavingLinkGroup)
    .flatMap(({ name, alias, group }) => {
      const version = aliasVersion(alias) ?? 0;
      if (version <= linkAliasVersion) return [];
      const removal = `ip link delete group ${group}`;
      return [{ subject: `the alias of the link ${name}`, version, known: linkAliasVersion, removal }];
    });
}

/** Files of the state directory that are of a later version. */
export function newerFiles(
  files: readonly { readonly path: string; readonly text: string }[],
): readonly NewerFormat[] {
  return files.flatMap(({ path, text }) => {
    const content = parseJson(text);
    const version =
      typeof content === "object" && content !== null && "version" in content && content.version;
    if (typeof version !== "number" || version <= stateFileVersion) return [];
    return [{ subject: `the file ${path}`, version, known: stateFileVersion, removal: `rm ${path}` }];
  });
}

/** What was found and the two ways out, without full stops; undefined where nothing was. */
export function explainNewer(
  formats: readonly NewerFormat[],
): { readonly found: string; readonly todo: string } | undefined {
  const [first, ...others] = formats;
  if (first === undefined) return undefined;
  const { subject, version, known } = first;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  const removals = [...new Set(formats.map(({ removal }) => removal))].join("; ");
  return {
    found: `${subject} is of version ${version}${more}, and this release knows versions up to ${known}: a later release ran on this node`,
    todo: `Install that release again; or drain the node, remove what is left of it (${removals}), and start this one`,
  };
}
