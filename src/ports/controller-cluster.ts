import type { JoinKeyRecord } from "../domain/approval/join-key.ts";
import type { Lease } from "../domain/approval/leadership.ts";

/** The Secret that daemons read their pre-auth key from. */
export interface JoinSecret {
  /** metadata.resourceVersion. */
  readonly version: string;
  /** Empty where it holds none. */
  readonly authKey: string;
  /** Null where there is none, or none that can be read. */
  readonly record: JoinKeyRecord | null;
}

/** The Kubernetes API, as far as the controller uses it beside the watch of Nodes. Throws a HeadcniError of KubernetesFailure. */
export interface ControllerCluster {
  /** Null where there is none yet. */
  readLease(signal: AbortSignal): Promise<Lease | null>;
  /** REJECTED (409) when somebody wrote it since it was read; null makes it. */
  writeLease(lease: Lease | null, holder: string, signal: AbortSignal): Promise<Lease>;
  /** NOT_FOUND where there is no Secret: the chart makes it. */
  readJoinSecret(signal: AbortSignal): Promise<JoinSecret>;
  /** Key and note in one write. REJECTED (409) when somebody wrote the Secret since it was read. */
  writeJoinSecret(
    version: string,
    authKey: string,
    record: JoinKeyRecord,
    signal: AbortSignal,
  ): Promise<void>;
}
