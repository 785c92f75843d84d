/** What of a tailscaled's preferences we add to, in the words of its owner (tailscale.com/ipn: Prefs). */
export interface OwnerPreferences {
  /** AdvertiseRoutes: canonical prefixes, in his order. */
  readonly routes: readonly string[];
  /** RouteAll. */
  readonly acceptsRoutes: boolean;
  readonly appConnector: boolean;
}

/** What of a profile's preferences is ours: added by us, and there at each look since. Kept, so that it can be taken back. */
export interface OwnerRecord {
  readonly routes: readonly string[];
  readonly acceptsRoutes: boolean;
}

export const nothingOurs: OwnerRecord = { routes: [], acceptsRoutes: false };

/** Body of PATCH prefs (ipn.MaskedPrefs): a field counts only with its `Set`. */
export interface PreferencesEdit {
  readonly AdvertiseRoutes?: readonly string[];
  readonly AdvertiseRoutesSet?: true;
  readonly RouteAll?: boolean;
  readonly RouteAllSet?: true;
}

/** A change of a profile's preferences. */
export interface OwnerEdit {
  /** Undefined where nothing differs: an unchanged list is never sent, for it clears what an app connector learned. */
  readonly edit: PreferencesEdit | undefined;
  /** What is ours once it is made. */
  readonly record: OwnerRecord;
}

/** What is still ours. What the owner took away, he may give again: then it is his. */
export function stillOurs(record: OwnerRecord, current: OwnerPreferences): OwnerRecord {
  return {
    routes: record.routes.filter((route) => current.routes.includes(route)),
    acceptsRoutes: record.acceptsRoutes && current.acceptsRoutes,
  };
}

/** Whether the owner accepts routes of his own will: then all that others announce reaches the node as it did before us. */
export function ownerAcceptsRoutes(record: OwnerRecord, current: OwnerPreferences): boolean {
  return current.acceptsRoutes && !record.acceptsRoutes;
}

/**
 * Adds `prefixes` to what the owner announces, removes those of ours that are no longer among them, and accepts routes: to be
 * made only while the guard holds. Undefined for an app connector, whose learned routes any edit of the list clears
 * (ipnlocal: MaybeClearAppConnector).
 */
export function editToAnnounce(
  current: OwnerPreferences,
  record: OwnerRecord,
  prefixes: readonly string[],
): OwnerEdit | undefined {
  const ours = stillOurs(record, current);
  const stale = ours.routes.filter((route) => !prefixes.includes(route));
  const missing = prefixes.filter((prefix) => !current.routes.includes(prefix));
  const changesRoutes = stale.length > 0 || missing.length > 0;
  if (changesRoutes && current.appConnector) return undefined;
  const routes = [...without(current.routes, stale), ...missing];
  return {
    edit: joined(changesRoutes ? routes : undefined, current.acceptsRoutes ? undefined : true),
    record: {
      routes: [...without(ours.routes, stale), ...missing],
      acceptsRoutes: ours.acceptsRoutes || !current.acceptsRoutes,
    },
  };
}

/** Takes back what is ours and nothing else; for an app connector its routes stay (`left`), which only its owner can take. */
export function editToUndo(
  current: OwnerPreferences,
  record: OwnerRecord,
): OwnerEdit & { readonly left: readonly string[] } {
  const ours = stillOurs(record, current);
  const left = current.appConnector ? ours.routes : [];
  const changesRoutes = ours.routes.length > left.length;
  return {
    edit: joined(
      changesRoutes ? without(current.routes, ours.routes) : undefined,
      ours.acceptsRoutes ? false : undefined,
    ),
    record: { routes: left, acceptsRoutes: false },
    left,
  };
}

/** Whether preferences that were read back are what the edit asked for. */
export function isMade({ AdvertiseRoutes, RouteAll }: PreferencesEdit, current: OwnerPreferences): boolean {
  return (
    (AdvertiseRoutes === undefined ||
      (AdvertiseRoutes.length === current.routes.length &&
        AdvertiseRoutes.every((route) => current.routes.includes(route)))) &&
    (RouteAll === undefined || RouteAll === current.acceptsRoutes)
  );
}

/** What each profile of a tailscaled holds of ours, by its id; undone is what holds nothing. */
export type OwnerRecords = Readonly<Record<string, OwnerRecord>>;

export function withRecord(records: OwnerRecords, profileId: string, record: OwnerRecord): OwnerRecords {
  const { [profileId]: _, ...others } = records;
  return isEmpty(record) ? others : { ...others, [profileId]: record };
}

export function isEmpty({ routes, acceptsRoutes }: OwnerRecord): boolean {
  return routes.length === 0 && !acceptsRoutes;
}

/** A login that tailscaled keeps, as `tailscale switch --list` shows it. */
export interface OwnerProfile {
  readonly id: string;
  readonly name: string;
}

/** What cannot be undone here and now, a sentence each: what other profiles hold, and what an app connector keeps. */
export function leftWithOwner(
  records: OwnerRecords,
  current: string,
  profiles: readonly OwnerProfile[],
): readonly string[] {
  // Those of profiles that were deleted went with them.
  return profiles.flatMap(({ id, name }) => {
    const record = records[id];
    if (record === undefined || isEmpty(record)) return [];
    const what = [
      ...(record.routes.length > 0 ? [`announces ${record.routes.join(", ")}`] : []),
      ...(record.acceptsRoutes ? ["accepts routes"] : []),
    ].join(" and ");
    return id === current
      ? [
          `the profile ${name} ${what} for us, and is an app connector: take that out of \`tailscale set --advertise-routes\``,
        ]
      : [`the profile ${name} ${what} for us: \`tailscale switch ${id}\`, and run this again`];
  });
}

function without(routes: readonly string[], taken: readonly string[]): readonly string[] {
  return routes.filter((route) => !taken.includes(route));
}

function joined(routes: readonly string[] | undefined, acceptsRoutes: boolean | undefined) {
  if (routes === undefined && acceptsRoutes === undefined) return undefined;
  return {
    ...(routes !== undefined && { AdvertiseRoutes: routes, AdvertiseRoutesSet: true as const }),
    ...(acceptsRoutes !== undefined && { RouteAll: acceptsRoutes, RouteAllSet: true as const }),
  };
}
