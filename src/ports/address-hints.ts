import type { AddressHint } from "../domain/addresses/address-hints.ts";

/** Where hints of the address pools stay over a restart of the daemon. Nothing depends on them: neither method throws. */
export interface AddressHints {
  /** What was last written since boot; nothing when there is none or it cannot be read. */
  read(): Promise<readonly AddressHint[]>;
  write(hints: readonly AddressHint[]): Promise<void>;
}
