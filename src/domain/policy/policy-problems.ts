import type { Failure } from "../failure.ts";
import type { ObjectProblem } from "./policy-book.ts";
import type { PolicyProblem } from "./policy-limits.ts";

/** An object that cannot be read, as a failure that names it. */
export function problemFailure({ code, kind, namespace, name, path, text }: ObjectProblem): Failure {
  const object = namespace === "" ? name : `${namespace}/${name}`;
  return { code, message: `${kind} ${object} cannot be read: ${path}: ${text}` };
}

/** Most policies that a failure names. */
const maxNames = 10;

/** Policies that are refused, as a failure that names them. */
export function refusalFailure({ code, policies, limit }: PolicyProblem): Failure {
  const more = policies.length > maxNames ? ` and ${policies.length - maxNames} more` : "";
  const what = code === "TOO_MANY_ELEMENTS" ? "elements in a set" : "peers";
  const names = policies.slice(0, maxNames).join(", ");
  return { code, message: `more than ${limit} ${what}, so nothing is allowed by ${names}${more}` };
}
