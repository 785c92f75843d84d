import { cniErrorCodes } from "../src/protocol/cni-error-codes.ts";
import {
  type CniRequest,
  type CniResult,
  type CniVersion,
  cniProtocolVersion,
  deadlineMs,
  maxFrameBytes,
  supportedCniVersions,
} from "../src/protocol/cni-protocol.ts";
import { type Parsed, parsed, quoted, refused } from "../src/protocol/parsed.ts";
import { concludeCall } from "./conclude.ts";
import { type CallEnvironment, parseEnvironment } from "./environment.ts";
import { decodeConfig, type Loose, type NetworkConfig, parseNetworkConfig } from "./network-config.ts";
import type { Input, Platform } from "./platform.ts";
import { aboutText, failed, newestVersion, type Outcome, versionAnswer } from "./result.ts";

/** How long a call that is refused anyway waits for stdin, only to answer in the version asked for. */
const refusalInputMs = 200;

/**
 * Answers one CNI call: reads it, refuses what is wrong before anything is touched, asks the daemon. The whole of
 * it, stdin included, ends within `deadlineMs` of the command.
 */
export function answerCall(platform: Platform): Outcome {
  const startedAtMs = platform.nowMs();
  if ((platform.env("CNI_COMMAND") ?? "") === "") return aboutText();
  const environment = parseEnvironment(platform.env);
  if (!environment.ok) {
    const input = platform.readInput(refusalInputMs, maxFrameBytes);
    return failed(environment.failure, versionToAnswerIn(input));
  }
  const { command } = environment.value;
  const limitMs = deadlineMs[command === "VERSION" ? "STATUS" : command];
  const input = platform.readInput(limitMs, maxFrameBytes);
  if (command === "VERSION") return answerVersion(input);

  const call = readCall(platform, { ...environment.value, command }, input);
  if (!call.ok) return failed(call.failure, versionToAnswerIn(input));
  const { request, config } = call.value;
  return concludeCall(platform, request, config, startedAtMs + limitMs);
}

interface Call {
  readonly request: CniRequest;
  readonly config: NetworkConfig;
}

type DaemonEnvironment = CallEnvironment & { readonly command: CniRequest["command"] };

function readCall(platform: Platform, environment: DaemonEnvironment, input: Input): Parsed<Call> {
  const { command, netns } = environment;
  const decoded = decodeInput(input, command);
  if (!decoded.ok) return decoded;
  const config = parseNetworkConfig(decoded.value, command);
  if (!config.ok) return config;
  if (command === "ADD" || command === "CHECK") {
    const checked = checkNetns(platform, netns);
    if (!checked.ok) return checked;
  }
  const { cniVersion, network, prevResult, validAttachments } = config.value;
  const request: CniRequest = {
    wire: cniProtocolVersion,
    ...environment,
    cniVersion,
    network,
    // The daemon judges its shape; the stub only hands it on.
    ...(command === "CHECK" && prevResult !== undefined
      ? { prevResult: prevResult as unknown as CniResult }
      : {}),
    ...(validAttachments === undefined ? {} : { validAttachments }),
  };
  return parsed({ request, config: config.value });
}

function decodeInput(input: Input, command: string): Parsed<Loose> {
  if (input.ok) return decodeConfig(input.text);
  const advice = `${command} reads its network configuration from stdin up to the end of file.`;
  switch (input.fault) {
    case "late":
      return command === "STATUS"
        ? refused(cniErrorCodes.pluginNotAvailable, input.reason, advice)
        : refused(cniErrorCodes.tryAgainLater, input.reason, advice);
    case "oversized":
      return refused(cniErrorCodes.decodingFailure, input.reason, advice);
    case "failed":
      return refused(cniErrorCodes.ioFailure, `stdin cannot be read: ${input.reason}`, advice);
    default: {
      const unhandled: never = input.fault;
      return unhandled;
    }
  }
}

/** Before anything is changed: libcni's skel finds out only after its ADD has run. */
function checkNetns(platform: Platform, netns: string): Parsed<true> {
  const problems = {
    usable: undefined,
    own: "is the plugin's own network namespace",
    missing: "does not exist",
    notNamespace: "is not a network namespace",
    unreadable: "cannot be opened",
  } as const;
  const problem = problems[platform.inspectNetns(netns)];
  if (problem === undefined) return parsed(true);
  const advice = "CNI_NETNS must name the network namespace of the sandbox, e.g. /var/run/netns/NAME.";
  return refused(cniErrorCodes.invalidEnvironment, `CNI_NETNS ${quoted(netns)} ${problem}`, advice);
}

/** An error must carry a cniVersion even when the call's own is unknown or unreadable. */
function versionToAnswerIn(input: Input): CniVersion {
  const config = input.ok ? decodeConfig(input.text) : undefined;
  if (config === undefined || !config.ok) return newestVersion;
  const { cniVersion } = config.value;
  return supportedCniVersions.find((known) => known === cniVersion) ?? newestVersion;
}

/** Runtimes probe with any version, or with an empty stdin in older libcni: all of them learn what is supported. */
function answerVersion(input: Input): Outcome {
  if (!input.ok || input.text.trim() === "") return versionAnswer(newestVersion);
  const config = decodeConfig(input.text);
  if (!config.ok) return failed(config.failure, newestVersion);
  const { cniVersion } = config.value;
  return versionAnswer(typeof cniVersion === "string" && cniVersion !== "" ? cniVersion : newestVersion);
}
