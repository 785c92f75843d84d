import type { Config } from "../config-schema.ts";
import { readSecretFile } from "../read-credentials.ts";
import type { Secret } from "../secret.ts";

/** Where a key comes from: its file, read anew each time so that a rotated key is found, or the value given directly. */
interface KeyPlace {
  readonly file?: string | undefined;
  readonly value?: Secret | undefined;
}

/** The key at the moment it is sent; the fault says in words why there is none, without the key. */
export function readKey({ file, value }: KeyPlace): { readonly key: string } | { readonly fault: string } {
  if (file === undefined) return value === undefined ? { fault: "none was given" } : { key: value.reveal() };
  const read = readSecretFile(file);
  return "fault" in read ? { fault: `${file}: ${read.fault}` } : { key: read.secret.reveal() };
}

/** The keys of the configuration that holds when one is needed: another file or another path works at once. */
export function createKeyReaders(current: () => Pick<Config, "headscale">) {
  return {
    authKey: () => {
      const { authKeyFile, authKey } = current().headscale;
      return readKey({ file: authKeyFile, value: authKey });
    },
    apiKey: () => readKey({ file: current().headscale.apiKeyFile }),
  };
}
