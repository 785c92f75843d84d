import type { CniErrorCode } from "./cni-error-codes.ts";

/** Version of the exchange between stub and daemon; a mismatch is answered with code 1. */
export const cniProtocolVersion = 1;

/** A frame is one line of JSON ended by "\n". Longer ones are refused with code 6 and the connection is closed. */
export const maxFrameBytes = 1_048_576;

/** CNI versions that the stub and the daemon speak. */
export const supportedCniVersions = ["1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof supportedCniVersions)[number];

/** Commands that cross the socket. VERSION is answered by the stub alone. */
export const cniOperations = ["ADD", "DEL", "CHECK", "GC", "STATUS"] as const;
export type CniOperation = (typeof cniOperations)[number];

/** Longest time the stub waits for the daemon's answer, in milliseconds. */
export const deadlineMs: Readonly<Record<CniOperation, number>> = {
  ADD: 10_000,
  DEL: 10_000,
  CHECK: 5_000,
  GC: 30_000,
  STATUS: 2_000,
};

/** The pod that the runtime names in CNI_ARGS (K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_UID); empty outside Kubernetes. */
export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One attachment as GC data names it (`cni.dev/valid-attachments`). */
export interface AttachmentReference {
  readonly containerId: string;
  readonly ifname: string;
}

/** What the stub sends: the CNI call, parsed but not judged. */
export interface CniRequest {
  readonly wire: typeof cniProtocolVersion;
  readonly command: CniOperation;
  readonly cniVersion: CniVersion;
  /** `name` of the network configuration. */
  readonly network: string;
  /** Empty for GC and STATUS. */
  readonly containerId: string;
  /** Path of the sandbox's network namespace; may be empty for DEL, is empty for GC and STATUS. */
  readonly netns: string;
  /** Empty for GC and STATUS. */
  readonly ifname: string;
  readonly pod: PodReference;
  /** `prevResult` of the configuration, as it came; only CHECK needs it. */
  readonly prevResult?: CniResult;
  /** Only for GC; the stub refuses a GC without the key. */
  readonly validAttachments?: readonly AttachmentReference[];
  /** W3C trace context, when the runtime hands one on. */
  readonly traceparent?: string;
}

/** CNI error object without cniVersion, which the stub adds from the call. */
export interface CniFailure {
  readonly code: CniErrorCode;
  readonly msg: string;
  readonly details: string;
}

/** CNI 1.1.0 "Success result"; the stub drops `mtu` of interfaces when it answers a 1.0.0 call. */
export interface CniResult {
  readonly cniVersion: CniVersion;
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}
export interface CniInterface {
  readonly name: string;
  readonly mac: string;
  readonly mtu?: number;
  /** netns path for the pod's side, absent for the host's side. */
  readonly sandbox?: string;
}
export interface CniIp {
  /** With prefix length, "10.244.1.7/32". */
  readonly address: string;
  readonly gateway: string;
  /** Index into `interfaces`; always the pod's side. */
  readonly interface: number;
}
export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
}
export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** What the daemon answers; `result` is present for ADD only. */
export type CniReply =
  | { readonly wire: typeof cniProtocolVersion; readonly ok: true; readonly result?: CniResult }
  | { readonly wire: typeof cniProtocolVersion; readonly ok: false; readonly error: CniFailure };
