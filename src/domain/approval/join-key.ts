/** What the controller notes beside the pre-auth key in the Secret. Nothing of it is secret. */
export interface JoinKeyRecord {
  /** Headscale's id of the key. */
  readonly id: string;
  /** The part of the key that Headscale shows in lists (`hskey-auth-` and twelve letters). */
  readonly shown: string;
  /** Unix time in ms. */
  readonly expiresAtMs: number;
  /** Ids of all keys of the controller's with which a machine may have joined, this one included. */
  readonly ownIds: readonly string[];
}

/** A pre-auth key as Headscale lists it. */
export interface ListedKey {
  readonly id: string;
  /** Unix time in ms; 0: it never worked (Headscale's zero time). */
  readonly expiresAtMs: number;
}

export type JoinKeyVerdict =
  | { readonly due: false }
  /** `none`: the Secret holds no key; `replaced`: another one than was noted; `expiring`; `withdrawn`: Headscale does not have it any more. */
  | { readonly due: true; readonly why: "none" | "replaced" | "expiring" | "withdrawn" };

/** A new key lives for a day, and is replaced when half of it has passed: a controller may be away for twelve hours. */
export const joinKeyLifeMs = 24 * 60 * 60 * 1000;

/** Ids that are noted at most; the oldest go first. */
const mostIds = 200;

/** Whether a new key is due. `stored`: the key in the Secret, empty for none. */
export function judgeJoinKey(
  stored: string,
  record: JoinKeyRecord | null,
  listed: readonly ListedKey[],
  nowMs: number,
): JoinKeyVerdict {
  if (stored === "") return { due: true, why: "none" };
  if (record === null || !stored.startsWith(record.shown)) return { due: true, why: "replaced" };
  const late = nowMs + joinKeyLifeMs / 2;
  const key = listed.find(({ id }) => id === record.id);
  // Whoever expires it early moves its time into the past.
  if (key === undefined || key.expiresAtMs <= nowMs) return { due: true, why: "withdrawn" };
  return key.expiresAtMs <= late ? { due: true, why: "expiring" } : { due: false };
}

/** The part of a key that lists show and the Secret's note may hold; the rest is secret. */
export function shownPart(key: string): string {
  // Its letters are base64url's, the hyphen among them (hscontrol/types/preauth_key.go).
  return /^hskey-auth-.{12}/.exec(key)?.[0] ?? key.slice(0, 12);
}

/**
 * The ids to note once `id` is made: of earlier keys those that Headscale still lists, for a machine's key id is empty once its key
 * was deleted.
 */
export function ownIdsAfter(
  record: JoinKeyRecord | null,
  listed: readonly ListedKey[],
  id: string,
): readonly string[] {
  const earlier = (record?.ownIds ?? []).filter((one) => listed.some((key) => key.id === one));
  return [...earlier.filter((one) => one !== id), id].slice(-mostIds);
}
