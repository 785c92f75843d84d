import {
  type CniFailure,
  type CniResult,
  type CniVersion,
  supportedCniVersions,
} from "../src/protocol/cni-protocol.ts";
import type { Loose } from "./network-config.ts";

/** What the process prints and how it ends. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: 0 | 1;
}

/** Version of an answer to a call whose configuration names none of ours. */
export const newestVersion: CniVersion = "1.1.0";

/** A call that succeeded and has nothing to say. */
export const silentSuccess: Outcome = { stdout: "", stderr: "", exitCode: 0 };

/** CNI specification 1.1.0, section 5 "Error": the object goes to stdout, where libcni reads it, with its cniVersion. */
export function failed(failure: CniFailure, cniVersion: CniVersion): Outcome {
  const { code, msg, details } = failure;
  return { stdout: `${JSON.stringify({ cniVersion, code, msg, details })}\n`, stderr: "", exitCode: 1 };
}

/** Section 5 "Version": answered in the version that was asked in. */
export function versionAnswer(cniVersion: string): Outcome {
  const answer = { cniVersion, supportedVersions: supportedCniVersions };
  return { stdout: `${JSON.stringify(answer)}\n`, stderr: "", exitCode: 0 };
}

/** What a plugin says to a person who starts it without CNI_COMMAND, as the CNI project's own plugins do. */
export function aboutText(): Outcome {
  const stderr =
    "CNI plugin headcni: hands the calls of a container runtime to the HeadCNI daemon of this node.\n" +
    `CNI protocol versions supported: ${supportedCniVersions.join(", ")}\n`;
  return { stdout: "", stderr, exitCode: 0 };
}

/**
 * The result of an ADD in the form of the call's version: 1.0.0 knows no `mtu` of interfaces. A previous plugin's
 * result is passed through in front of ours (section 2 "ADD" demands that it is not lost), so our indices move.
 */
export function succeeded(result: CniResult, cniVersion: CniVersion, previous: Loose | undefined): Outcome {
  const {
    interfaces: interfacesBefore,
    ips: ipsBefore,
    routes: routesBefore,
    dns = result.dns,
  } = previous ?? {};
  const earlier = listOf(interfacesBefore);
  const interfaces = result.interfaces.map(({ mtu, ...rest }) =>
    cniVersion === "1.0.0" || mtu === undefined ? rest : { ...rest, mtu },
  );
  const ips = result.ips.map((ip) => ({ ...ip, interface: ip.interface + earlier.length }));
  const answer = {
    ...previous,
    cniVersion,
    interfaces: [...earlier, ...interfaces],
    ips: [...listOf(ipsBefore), ...ips],
    routes: [...listOf(routesBefore), ...result.routes],
    dns,
  };
  return { stdout: `${JSON.stringify(answer)}\n`, stderr: "", exitCode: 0 };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
