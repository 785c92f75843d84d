import type { Failure } from "../failure.ts";
import type { ObjectProblem } from "./policy-book.ts";
import type { PolicyProblem } from "./policy-limits.ts";

/** An object that cannot be read, as a failure that names it. */
export function problemFailure(problem: ObjectProblem): Failure {
  const { code, kind, namespace, name } = problem;
  const object = namespace === "" ? name : `${namespace}/${name}`;
  return { code, message: `${kind} ${object} ${problemText(problem)}` };
}

/** The same without the name. */
export function problemText({ path, text }: ObjectProblem): string {
  return `cannot be read: ${path}: ${text}`;
}

/** Most policies that a failure names. */
const mostNames = 10;

/** Policies that are refused, as a failure that names them. */
export function refusalFailure({ code, policies, limit }: PolicyProblem): Failure {
  const more = policies.length > mostNames ? ` and ${policies.length - mostNames} more` : "";
  const what = code === "TOO_MANY_ELEMENTS" ? "elements in a set" : "peers";
  const names = policies.slice(0, mostNames).join(", ");
  return { code, message: `more than ${limit} ${what}, so nothing is allowed by ${names}${more}` };
}
