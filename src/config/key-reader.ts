import { readSecretFile } from "./read-credentials.ts";
import type { Secret } from "./secret.ts";

/** Where a key comes from: its file, read anew each time so that a rotated key is found, or the value given directly. */
export interface KeyPlace {
  readonly file?: string | undefined;
  readonly value?: Secret | undefined;
}

/** A way to get the key at the moment it is sent; the fault says in words why there is none, without the key. */
export function createKeyReader({
  file,
  value,
}: KeyPlace): () => { readonly key: string } | { readonly fault: string } {
  return () => {
    if (file === undefined)
      return value === undefined ? { fault: "none was given" } : { key: value.reveal() };
    const read = readSecretFile(file);
    return "fault" in read ? { fault: `${file}: ${read.fault}` } : { key: read.secret.reveal() };
  };
}
