import { HeadscaleRequestError } from "./headscale-error.ts";

/** The API key as it is now, or why there is none. Asked before each call: a replaced key file works at once. */
export type ReadApiKey = () => { readonly key: string } | { readonly fault: string };

/** The key of now. Throws HeadscaleRequestError CREDENTIALS_MISSING. */
export function apiKeyOf(readApiKey: ReadApiKey): string {
  const read = readApiKey();
  if ("fault" in read)
    throw new HeadscaleRequestError(`no API key: ${read.fault}`, {
      code: "CREDENTIALS_MISSING",
      text: read.fault,
    });
  return read.key;
}
