import { type CniErrorCode, cniErrorCodes } from "./cni-error-codes.ts";
import {
  type CniFailure,
  type CniInterface,
  type CniIp,
  type CniReply,
  type CniResult,
  cniProtocolVersion,
} from "./cni-protocol.ts";
import { type Parsed, parsed, quoted, refused } from "./parsed.ts";

const knownCodes: readonly number[] = Object.values(cniErrorCodes);

/** The daemon's answer to a call that succeeded; `result` for ADD only. */
export function successReply(result?: CniResult): CniReply {
  return result === undefined
    ? { wire: cniProtocolVersion, ok: true }
    : { wire: cniProtocolVersion, ok: true, result };
}

/** The daemon's answer to a call that failed. */
export function failureReply(error: CniFailure): CniReply {
  return { wire: cniProtocolVersion, ok: false, error };
}

/**
 * Reads the daemon's answer, stub side; checks by hand because zod would double the stub's run time.
 * Code 1 when the daemon speaks another protocol version, code 6 for anything that is not a reply.
 * @param wantsResult true for ADD, whose success must carry a result.
 */
export function parseReply(line: string, wantsResult: boolean): Parsed<CniReply> {
  let reply: unknown;
  try {
    reply = JSON.parse(line);
  } catch {
    return unreadable(`the daemon's answer is not JSON: ${quoted(line)}`);
  }
  if (!isRecord(reply)) return unreadable(`the daemon's answer is ${quoted(reply)}, not an object`);
  const { wire, ok, error, result } = reply;
  if (wire !== cniProtocolVersion) {
    return refused(
      cniErrorCodes.incompatibleVersion,
      `the daemon speaks protocol version ${quoted(wire)}, this plugin ${cniProtocolVersion}`,
      "Install the plugin and the daemon of one release.",
    );
  }
  if (ok === false)
    return isFailure(error) ? parsed(failureReply(error)) : unreadable("its error is incomplete");
  if (ok !== true) return unreadable(`its "ok" is ${quoted(ok)}, not true or false`);
  if (!wantsResult) return parsed(successReply());
  return isResult(result) ? parsed(successReply(result)) : unreadable("its result is incomplete");
}

function unreadable(reason: string): Parsed<never> {
  const advice = "Install the plugin and the daemon of one release.";
  return refused(cniErrorCodes.decodingFailure, "the daemon's answer cannot be read", `${reason}. ${advice}`);
}

type Loose = { readonly [Key in "wire" | "ok" | "error" | "result"]?: unknown };

function isRecord(value: unknown): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFailure(value: unknown): value is CniFailure {
  if (typeof value !== "object" || value === null) return false;
  const { code, msg, details } = value as { readonly [Key in keyof CniFailure]?: unknown };
  return isCode(code) && typeof msg === "string" && msg !== "" && typeof details === "string";
}

function isCode(value: unknown): value is CniErrorCode {
  return typeof value === "number" && knownCodes.includes(value);
}

/** Deep enough that shaping the result cannot go wrong; its strings are the daemon's word. */
function isResult(value: unknown): value is CniResult {
  if (typeof value !== "object" || value === null) return false;
  const { interfaces, ips, routes } = value as { readonly [Key in keyof CniResult]?: unknown };
  return (
    Array.isArray(interfaces) &&
    interfaces.every(isInterface) &&
    Array.isArray(ips) &&
    ips.every(isIp) &&
    Array.isArray(routes)
  );
}

function isInterface(value: unknown): value is CniInterface {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
}

function isIp(value: unknown): value is CniIp {
  return (
    typeof value === "object" && value !== null && "interface" in value && typeof value.interface === "number"
  );
}
