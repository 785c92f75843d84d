/** Minor versions of Headscale 0.x whose API and policies we know. */
export const oldestHeadscale = 29;
export const newestHeadscale = 30;

/** What "v0.29.2" says; 0.0 for what says no number, undefined for what is built from a branch. */
export function readHeadscaleVersion(
  text: string,
): { readonly major: number; readonly minor: number } | undefined {
  const [, major = "0", minor = "0"] = /^v?(\d+)\.(\d+)/.exec(text) ?? [];
  return /dev/.test(text) ? undefined : { major: Number(major), minor: Number(minor) };
}

/** Older ones know no grants, and decide about pods' addresses in another way. */
export function isTooOld(text: string): boolean {
  const version = readHeadscaleVersion(text);
  return version !== undefined && version.major === 0 && version.minor < oldestHeadscale;
}
