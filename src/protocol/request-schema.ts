import * as z from "zod";
import { type CniErrorCode, cniErrorCodes } from "./cni-error-codes.ts";
import { type CniRequest, cniOperations, cniProtocolVersion, supportedCniVersions } from "./cni-protocol.ts";
import { identifierProblem, interfaceNameProblem } from "./name-rules.ts";
import { type Parsed, parsed, quoted, refused } from "./parsed.ts";
import { visibleLine } from "./visible-text.ts";

/** A string that a rule of name-rules.ts accepts. */
function named(problemOf: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: `a name (it ${problem})` });
  });
}

const attachment = z.object({ containerId: named(identifierProblem), ifname: named(interfaceNameProblem) });

/** Results of other implementations leave out what is empty; the daemon gets every key. */
const result = z.object({
  cniVersion: z.enum(supportedCniVersions).default("1.0.0"),
  interfaces: z
    .array(
      z.object({
        name: z.string(),
        mac: z.string().default(""),
        mtu: z.int().exactOptional(),
        sandbox: z.string().exactOptional(),
      }),
    )
    .default([]),
  ips: z
    .array(
      // -1: an address that its plugin bound to no interface.
      z.object({ address: z.string(), gateway: z.string().default(""), interface: z.int().default(-1) }),
    )
    .default([]),
  routes: z.array(z.object({ dst: z.string(), gw: z.string().exactOptional() })).default([]),
  dns: z
    .object({
      nameservers: z.array(z.string()).exactOptional(),
      domain: z.string().exactOptional(),
      search: z.array(z.string()).exactOptional(),
      options: z.array(z.string()).exactOptional(),
    })
    .default({}),
});

/** Of a pod, as the runtime says it: it goes into logs, labels and tables. */
const shown = z.string().transform(visibleLine);

const common = {
  wire: z.literal(cniProtocolVersion),
  cniVersion: z.enum(supportedCniVersions),
  network: named(identifierProblem),
  pod: z.object({ namespace: shown, name: shown, uid: shown }),
  traceparent: z.string().exactOptional(),
};
const pod = { ...common, containerId: named(identifierProblem), ifname: named(interfaceNameProblem) };
const path = z.string().startsWith("/", "an absolute path");
const node = { ...common, containerId: z.string(), netns: z.string(), ifname: z.string() };

const request = z.discriminatedUnion("command", [
  z.object({ ...pod, command: z.literal("ADD"), netns: path, prevResult: result.exactOptional() }),
  z.object({ ...pod, command: z.literal("DEL"), netns: z.string() }),
  z.object({ ...pod, command: z.literal("CHECK"), netns: path, prevResult: result }),
  z.object({ ...node, command: z.literal("GC"), validAttachments: z.array(attachment) }),
  z.object({ ...node, command: z.literal("STATUS") }),
]);

/**
 * What came over the socket as a CniRequest, or the CNI error that names the path, what was found and what would
 * be right: code 1 for another protocol or CNI version, 4 for what the runtime puts in its environment, 7 for what
 * stands in its configuration, 6 otherwise.
 */
export function parseRequest(frame: unknown): Parsed<CniRequest> {
  const outcome = request.safeParse(frame);
  if (outcome.success) return parsed(outcome.data);
  const problems = outcome.error.issues.map((issue) => {
    const where = issue.path.join(".") || "the request";
    return `${where}: found ${quoted(valueAt(frame, issue.path))}, expected ${expectationOf(issue)}`;
  });
  const first = outcome.error.issues[0]?.path[0];
  return refused(
    codeOf(first),
    problems.slice(0, 5).join("; "),
    "The request must have the shape of CniRequest, protocol version 1; install the plugin and the daemon of one release.",
  );
}

function codeOf(key: PropertyKey | undefined): CniErrorCode {
  switch (key) {
    case "wire":
    case "cniVersion":
      return cniErrorCodes.incompatibleVersion;
    case "command":
    case "containerId":
    case "netns":
    case "ifname":
      return cniErrorCodes.invalidEnvironment;
    case "network":
    case "prevResult":
    case "validAttachments":
      return cniErrorCodes.invalidNetworkConfig;
    default:
      return cniErrorCodes.decodingFailure;
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return found;
}

function expectationOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `${issue.expected}`;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "invalid_union":
      return cniOperations.join(", ");
    default:
      return issue.message;
  }
}
