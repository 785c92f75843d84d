import { parseDocument } from "yaml";
import type { ConfigProblem } from "../../domain/config-change.ts";
import { toJson } from "../../domain/to-json.ts";
import { showValue } from "../config-error.ts";
import type { KeyCatalogue } from "../keys/key-catalogue.ts";
import { nearestName } from "../keys/nearest-name.ts";
import { unknownKey } from "../keys/unknown-key.ts";
import type { GivenValue, GivenValues } from "./given-value.ts";

/** HEADCNI_* variables: HEADCNI_NETWORK_MTU sets network.mtu. Empty ones count as absent. */
export function readEnvironmentValues(
  catalogue: KeyCatalogue,
  environment: Readonly<Record<string, string | undefined>>,
): GivenValues {
  const values = new Map<string, GivenValue>();
  const problems: ConfigProblem[] = [];
  for (const [variable, text = ""] of Object.entries(environment)) {
    if (!variable.startsWith("HEADCNI_") || text === "" || isServiceLink(variable, text)) continue;
    const known = catalogue.byVariable(variable);
    if (known !== undefined) {
      values.set(known.path, { source: variable, candidates: interpretations(text) });
      continue;
    }
    const near = nearestName(
      variable,
      catalogue.keys.map((entry) => entry.variable),
    );
    const wanted =
      near === undefined ? "no key of the configuration has this name" : `perhaps ${near} was meant`;
    problems.push({ path: variable, source: "environment", found: "an unknown variable", wanted });
  }
  return { values, problems };
}

/** `--set path=value` flags, in order; the last one for a path wins. Secrets are refused: process lists are public. */
export function readFlagValues(catalogue: KeyCatalogue, flags: readonly string[]): GivenValues {
  const values = new Map<string, GivenValue>();
  const problems: ConfigProblem[] = [];
  for (const flag of flags) {
    const split = flag.indexOf("=");
    const path = split < 0 ? flag : flag.slice(0, split);
    const source = `--set ${path}`;
    const known = catalogue.byPath(path);
    if (split < 0)
      problems.push({ path, source: "--set", found: showValue(flag), wanted: "must be path=value" });
    else if (known === undefined) problems.push(unknownKey(catalogue, path, source));
    else if (known.about.secret)
      problems.push({
        path,
        source,
        found: "a secret on the command line, which every user can read",
        wanted: `must come from ${path}File or ${known.variable}`,
      });
    else values.set(path, { source, candidates: interpretations(flag.slice(split + 1)) });
  }
  return { values, problems };
}

/** Text stands for itself, for a YAML value ("1280", "{A: b}"), or for a list with commas: the schema picks. */
function interpretations(text: string): readonly unknown[] {
  const document = parseDocument(text, { prettyErrors: false });
  const yaml: readonly unknown[] = document.errors.length === 0 ? safely(() => document.toJS()) : [];
  return [text, ...yaml, text.split(",").map((part) => part.trim())];
}

/** None where it throws or has no end. */
function safely(read: () => unknown): readonly unknown[] {
  try {
    const value = read();
    return toJson(value) === undefined ? [] : [value];
  } catch {
    return [];
  }
}

/**
 * Variables that Kubernetes sets in every pod for a Service named headcni or headcni-*, not meant for us
 * (kubernetes.io/docs/concepts/services-networking/service, "Environment variables").
 */
function isServiceLink(variable: string, text: string): boolean {
  return (
    /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(variable) ||
    (variable.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(text))
  );
}
