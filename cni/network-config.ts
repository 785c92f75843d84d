import { byteLength } from "../src/protocol/byte-length.ts";
import { cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import {
  type AttachmentReference,
  type CniOperation,
  type CniVersion,
  supportedCniVersions,
} from "../src/protocol/cni-protocol.ts";
import { identifierProblem, interfaceNameProblem } from "../src/protocol/name-rules.ts";
import { type Parsed, parsed, quoted, refused } from "../src/protocol/parsed.ts";
import { defaultSocketPath } from "../src/protocol/runtime-files.ts";

/** A JSON object as it came. */
export type Loose = Readonly<Record<string, unknown>>;

/** The plugin's configuration from stdin (CNI specification 1.1.0, section 3 "Deriving execution configuration"). */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  readonly network: string;
  readonly socketPath: string;
  /** Only checked to be an object: what its keys mean is the daemon's business. */
  readonly prevResult?: Loose;
  readonly validAttachments?: readonly AttachmentReference[];
}

/** sizeof sun_path of sys/un.h, less the NUL. */
const longestSocketPath = 107;
/** libcni puts the list under both keys, the specification's and an older one (containernetworking/cni #1101). */
const attachmentKeys = ["cni.dev/valid-attachments", "cni.dev/attachments"] as const;

/** stdin as a JSON object, or code 6. */
export function decodeConfig(text: string): Parsed<Loose> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const found = text.trim() === "" ? "nothing" : quoted(text);
    return undecodable(`the network configuration on stdin is not JSON: found ${found}`);
  }
  return isObject(value)
    ? parsed(value)
    : undecodable(`the network configuration on stdin is ${quoted(value)}, not an object`);
}

function undecodable(msg: string): Parsed<never> {
  return refused(cniErrorCodes.decodingFailure, msg, "Give the plugin configuration as one JSON object.");
}

/** The configuration's cniVersion, or code 1 when it is none of ours or too old for the command. */
function versionOf(config: Loose, command: CniOperation): Parsed<CniVersion> {
  const { cniVersion: version } = config;
  const supported = supportedCniVersions.find((known) => known === version);
  if (supported === undefined) {
    const found =
      version === undefined ? "cniVersion is missing" : `cniVersion ${quoted(version)} is not supported`;
    return refused(
      cniErrorCodes.incompatibleVersion,
      found,
      `Supported are ${supportedCniVersions.join(", ")}.`,
    );
  }
  if (supported === "1.0.0" && (command === "STATUS" || command === "GC")) {
    return refused(
      cniErrorCodes.incompatibleVersion,
      `${command} does not exist in cniVersion "1.0.0"`,
      `${command} needs cniVersion 1.1.0 or later in the network configuration.`,
    );
  }
  return parsed(supported);
}

/** What the command needs of the configuration, or code 7 with everything that is wrong. */
export function parseNetworkConfig(config: Loose, command: CniOperation): Parsed<NetworkConfig> {
  const cniVersion = versionOf(config, command);
  if (!cniVersion.ok) return cniVersion;
  const { name, socketPath = defaultSocketPath, prevResult: given } = config;
  // A DEL succeeds without the previous result, so one that makes no sense must not stop it.
  const prevResult = command === "DEL" ? undefined : (given ?? undefined);
  const problems: string[] = [];
  const network = typeof name === "string" ? name : "";
  const nameProblem = typeof name === "string" ? identifierProblem(name) : "must be a string";
  if (nameProblem !== undefined)
    problems.push(name === undefined ? "name is missing" : `name ${quoted(name)} ${nameProblem}`);
  if (!isSocketPath(socketPath)) {
    problems.push(
      `socketPath ${quoted(socketPath)} must be an absolute path of at most ${longestSocketPath} bytes`,
    );
  }
  if (prevResult === undefined ? command === "CHECK" : !isObject(prevResult)) {
    problems.push(`prevResult must be the result of the ADD, found ${quoted(prevResult)}`);
  }
  const attachments = command === "GC" ? parseAttachments(config, problems) : undefined;
  if (problems.length > 0 || !isSocketPath(socketPath)) {
    const advice = `Correct this in the network configuration that ${command} got on stdin.`;
    return refused(cniErrorCodes.invalidNetworkConfig, problems.join("; "), advice);
  }
  return parsed({
    cniVersion: cniVersion.value,
    network,
    socketPath,
    ...(isObject(prevResult) ? { prevResult } : {}),
    ...(attachments === undefined ? {} : { validAttachments: attachments }),
  });
}

function isSocketPath(value: unknown): value is string {
  if (typeof value !== "string" || !value.startsWith("/") || value.includes("\0")) return false;
  return byteLength(value) <= longestSocketPath;
}

/** An absent or null list is refused: read as "nothing is valid" it would delete every pod's network. */
function parseAttachments(config: Loose, problems: string[]): readonly AttachmentReference[] {
  const key = attachmentKeys.find((candidate) => config[candidate] !== undefined) ?? attachmentKeys[0];
  const list = config[key];
  if (!Array.isArray(list)) {
    problems.push(
      `${key} must list the attachments that are still valid ([] for none), found ${quoted(list)}`,
    );
    return [];
  }
  const attachments: AttachmentReference[] = [];
  for (const [index, entry] of list.entries()) {
    const { containerID, ifname } = isObject(entry) ? entry : {};
    if (isNamed(containerID, identifierProblem) && isNamed(ifname, interfaceNameProblem)) {
      attachments.push({ containerId: containerID, ifname });
    } else {
      const found = `containerID ${quoted(containerID)}, ifname ${quoted(ifname)}`;
      problems.push(`${key}[${index}] must name a container and an interface: found ${found}`);
      break;
    }
  }
  return attachments;
}

function isNamed(value: unknown, problemOf: (text: string) => string | undefined): value is string {
  return typeof value === "string" && problemOf(value) === undefined;
}

function isObject(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
