import { cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import { type CniOperation, cniOperations, type PodReference } from "../src/protocol/cni-protocol.ts";
import { identifierProblem, interfaceNameProblem } from "../src/protocol/name-rules.ts";
import { type Parsed, parsed, quoted, refused } from "../src/protocol/parsed.ts";

/** What the runtime says about one call through its environment (CNI specification 1.1.0, section 2 "Parameters"). */
export interface CallEnvironment {
  readonly command: CniOperation | "VERSION";
  /** "" unless the command concerns one attachment. */
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly pod: PodReference;
  readonly traceparent?: string;
}

/** Reads one variable; "" and absent mean the same. */
export type ReadVariable = (name: string) => string | undefined;

const commands: readonly string[] = [...cniOperations, "VERSION"];
const noPod: PodReference = { namespace: "", name: "", uid: "" };
/** W3C Trace Context, section 3.2 "traceparent header". */
const traceparentForm = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The environment of a call, or code 4 with every variable that is missing or wrong named at once.
 * CNI_PATH is asked of GC alone: the specification demands it there.
 */
export function parseEnvironment(read: ReadVariable): Parsed<CallEnvironment> {
  const variable = (name: string): string => read(name) ?? "";
  const command = variable("CNI_COMMAND");
  if (!isCommand(command)) {
    const expected = `Known are ${commands.join(", ")}.`;
    return refused(cniErrorCodes.invalidEnvironment, `CNI_COMMAND ${quoted(command)} is unknown`, expected);
  }
  const traceparent = variable("TRACEPARENT");
  const trace = traceparentForm.test(traceparent) ? { traceparent } : {};
  if (command === "VERSION" || command === "GC" || command === "STATUS") {
    if (command === "GC" && variable("CNI_PATH") === "") return invalid(command, ["CNI_PATH is missing"]);
    return parsed({ command, containerId: "", netns: "", ifname: "", pod: noPod, ...trace });
  }
  const containerId = variable("CNI_CONTAINERID");
  const netns = variable("CNI_NETNS");
  const ifname = variable("CNI_IFNAME");
  const args = parseArguments(variable("CNI_ARGS"));
  const problems = [
    named("CNI_CONTAINERID", containerId, identifierProblem(containerId)),
    named("CNI_NETNS", netns, netnsProblem(netns, command)),
    named("CNI_IFNAME", ifname, interfaceNameProblem(ifname)),
    // A DEL needs nothing from CNI_ARGS, and a DEL that fails leaves a pod Terminating for ever.
    command === "DEL" ? undefined : named("CNI_ARGS", variable("CNI_ARGS"), args.problem),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) return invalid(command, problems);
  return parsed({ command, containerId, netns, ifname, pod: args.pod, ...trace });
}

function isCommand(text: string): text is CallEnvironment["command"] {
  return commands.includes(text);
}

function invalid(command: string, problems: readonly string[]): Parsed<never> {
  const needs =
    command === "GC"
      ? "CNI_PATH, the directories of the plugins"
      : `CNI_CONTAINERID, ${command === "DEL" ? "" : "CNI_NETNS (absolute path of the sandbox's network namespace), "}CNI_IFNAME`;
  return refused(cniErrorCodes.invalidEnvironment, problems.join("; "), `${command} needs ${needs}.`);
}

function named(variable: string, value: string, problem: string | undefined): string | undefined {
  if (problem === undefined) return undefined;
  return value === "" ? `${variable} is missing` : `${variable} ${quoted(value)} ${problem}`;
}

function netnsProblem(netns: string, command: string): string | undefined {
  if (netns.startsWith("/") || (netns === "" && command === "DEL")) return undefined;
  return "must be an absolute path";
}

/** "K=V;K=V" in any order (runtimes build it from a hash map); keys that are not ours are the business of others. */
function parseArguments(text: string): { readonly pod: PodReference; readonly problem: string | undefined } {
  const pod = { namespace: "", name: "", uid: "" };
  let problem: string | undefined;
  for (const pair of text.split(";")) {
    const equals = pair.indexOf("=");
    const value = pair.slice(equals + 1);
    if (equals <= 0) {
      if (pair.trim() !== "") problem = "must be KEY=VALUE pairs separated by ';'";
      continue;
    }
    switch (pair.slice(0, equals).trim()) {
      case "K8S_POD_NAMESPACE":
        pod.namespace = value;
        break;
      case "K8S_POD_NAME":
        pod.name = value;
        break;
      case "K8S_POD_UID":
        pod.uid = value;
        break;
      default:
        break;
    }
  }
  return { pod, problem };
}
