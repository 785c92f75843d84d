import type { ListedKey } from "../domain/approval/join-key.ts";
import type { TailnetMachine } from "../domain/approval/tailnet-machine.ts";

/** A pre-auth key that Headscale has just made; only now it shows the whole of it. */
export interface MadeKey {
  readonly id: string;
  readonly key: string;
  /** Unix time in ms. */
  readonly expiresAtMs: number;
}

/**
 * What the controller may do with Headscale's REST API, versions 0.29 and 0.30. Throws a HeadcniError of HeadscaleFailure. What is
 * so already is no error.
 */
export interface HeadscaleAdmin {
  listMachines(signal: AbortSignal): Promise<readonly TailnetMachine[]>;
  /**
   * Has exactly `wanted` approved inside the supernets, and outside what is approved at this moment. NOT_FOUND: there is no such
   * machine.
   */
  replaceRoutes(
    machineId: string,
    supernets: readonly string[],
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<void>;
  removeMachine(machineId: string, signal: AbortSignal): Promise<void>;
  /** The policy in force, as it was written; empty when none was ever set. */
  readPolicy(signal: AbortSignal): Promise<string>;
  listKeys(signal: AbortSignal): Promise<readonly ListedKey[]>;
  /** A key with which any number of machines may join, with these tags. */
  createKey(tags: readonly string[], lifeMs: number, signal: AbortSignal): Promise<MadeKey>;
  expireKey(id: string, signal: AbortSignal): Promise<void>;
}
