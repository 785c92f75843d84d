import type { OwnerFacts } from "../../domain/owner/owner-facts.ts";
import {
  editToAnnounce,
  editToUndo,
  isMade,
  leftWithOwner,
  nothingOurs,
  type OwnerEdit,
  type OwnerPreferences,
  type OwnerRecord,
  ownerAcceptsRoutes,
  type PreferencesEdit,
  stillOurs,
  withRecord,
} from "../../domain/owner/owner-preferences.ts";
import {
  confinementOf,
  namesMagicDns,
  type OwnerTerms,
  type TunnelFacts,
  tunnelOf,
} from "../../domain/owner/owner-terms.ts";
import type { Owner } from "../../ports/owner.ts";
import type { TailscaledProcess } from "../../ports/tailnet.ts";
import { loadLibc } from "../netlink/libc.ts";
import { holdsOurs, readOwnerRecords, writeOwnerRecords } from "../state-files/owner-records-file.ts";
import { readOwnerTerms, writeOwnerTerms } from "../state-files/owner-terms-file.ts";
import { attendedFile, isAttended, noteAttended } from "../tailscale/attended.ts";
import { followBus, ownerMask } from "../tailscale/ipn-bus.ts";
import { createLocalApi } from "../tailscale/local-api.ts";
import { startTimeOf } from "../tailscale/process-identity.ts";
import { readStatus } from "../tailscale/read-status.ts";
import { peerProcess } from "../unix-socket/peer-process.ts";
import { oneByOne } from "./one-by-one.ts";
import { OwnerError } from "./owner-error.ts";
import { readBuild, readOwnersPrefs, readProfile, readProfiles } from "./read-answers.ts";

export interface OwnerOptions {
  readonly socket: string;
  readonly runtimeDir: string;
  /** Files of the state directory. */
  readonly paths: { readonly ownerProfiles: string; readonly ownerTerms: string };
  /** The node's interfaces now. */
  readonly links: () => Promise<TunnelFacts["links"]>;
  /** The texts of the node's resolv.confs now. */
  readonly resolvConfs: () => Promise<readonly string[]>;
  /** Whether something loads our rules at boot, or need not. */
  readonly guardedAtBoot: () => Promise<boolean>;
}

/** The node's own tailscaled, and as a process what `createTailnet` wants to know of it. */
export interface OwnerClient extends Owner {
  /** As `find`, and undefined while nobody answers. */
  running(): Promise<TailscaledProcess | undefined>;
  close(): void;
}

/** Its LocalAPI takes our edits as those of root (ipn/localapi: PermitWrite). */
export function createOwner(options: OwnerOptions): OwnerClient {
  const { socket, runtimeDir, paths, links, resolvConfs, guardedAtBoot } = options;
  const api = createLocalApi(socket);
  const libc = loadLibc();
  const attended = attendedFile(runtimeDir);
  // A look between an edit's record and the edit itself would take what is ours for gone.
  const alone = oneByOne();
  let known: OwnerTerms | null = null;
  /** Of each profile, at the last look while it was in use. */
  const seen = new Map<string, OwnerPreferences>();
  const get = (path: string, signal: AbortSignal) => api.call({ method: "GET", path }, signal);

  async function running(): Promise<TailscaledProcess | undefined> {
    const pid = peerProcess(libc, socket);
    const startTime = pid === undefined ? undefined : await startTimeOf(pid);
    return pid === undefined || startTime === undefined ? undefined : { pid, startTime };
  }
  const noSocket = () =>
    new OwnerError(`nothing answers on ${socket}: start the node's tailscaled`, {
      code: "NO_SOCKET",
      path: socket,
    });

  /** The preferences with the profile that they are of, and what of them is ours. */
  async function read(signal: AbortSignal) {
    const profile = readProfile(await get("profiles/current", signal));
    const prefs = readOwnersPrefs(await get("prefs", signal));
    if (readProfile(await get("profiles/current", signal)).id !== profile.id)
      throw new OwnerError("another profile is being switched to", { code: "UNSETTLED" });
    const records = await readOwnerRecords(paths.ownerProfiles);
    const record = records[profile.id] ?? nothingOurs;
    return { profile, prefs, records, record };
  }
  async function keep(profileId: string, record: OwnerRecord): Promise<void> {
    const records = await readOwnerRecords(paths.ownerProfiles);
    await writeOwnerRecords(paths.ownerProfiles, withRecord(records, profileId, record));
  }
  const patch = (edit: PreferencesEdit, signal: AbortSignal) =>
    api.call({ method: "PATCH", path: "prefs", body: edit }, signal);
  /**
   * Its owner switched profiles between our look and our edit, which went to the other one: a PATCH names no profile. What that one had at
   * the last look comes back; one that was never looked at is left without routes rather than with those of another.
   */
  async function putBack(
    edit: PreferencesEdit,
    { profile, record, prefs }: Awaited<ReturnType<typeof read>>,
    signal: AbortSignal,
  ): Promise<OwnerError> {
    const former = seen.get(profile.id);
    const { routes, acceptsRoutes } = former ?? nothingOurs;
    // Until it is done all of it is ours, to be taken back.
    const { preferences } = prefs;
    await keep(profile.id, { routes: preferences.routes, acceptsRoutes: preferences.acceptsRoutes });
    await patch(
      {
        ...(edit.AdvertiseRoutesSet && { AdvertiseRoutes: routes, AdvertiseRoutesSet: true }),
        ...(edit.RouteAllSet && { RouteAll: acceptsRoutes, RouteAllSet: true }),
      },
      signal,
    );
    await keep(profile.id, record);
    const lost = former === undefined ? "; what it announced is not known: its owner has to set it" : "";
    return new OwnerError(`the node's tailscaled was switched to the profile ${profile.name}${lost}`, {
      code: "EDIT_LOST",
    });
  }
  /** Sends the edit and reads it back; what is ours before or after is on record all the while. */
  async function make(
    { edit, record }: OwnerEdit,
    before: Awaited<ReturnType<typeof read>>,
    signal: AbortSignal,
  ) {
    const { profile } = before;
    if (edit === undefined) {
      await keep(profile.id, record);
      return before.prefs.preferences;
    }
    const either = [...new Set([...before.record.routes, ...record.routes])];
    await keep(profile.id, {
      routes: either,
      acceptsRoutes: before.record.acceptsRoutes || record.acceptsRoutes,
    });
    const { login } = readOwnersPrefs(await patch(edit, signal));
    const after = await read(signal);
    if (login !== before.prefs.login && login === after.prefs.login) {
      const lost = await putBack(edit, after, signal);
      await keep(profile.id, before.record);
      throw lost;
    }
    if (after.profile.id !== profile.id || !isMade(edit, after.prefs.preferences))
      throw new OwnerError("another program also edits the preferences of the node's tailscaled", {
        code: "EDIT_LOST",
      });
    await keep(profile.id, record);
    return after.prefs.preferences;
  }

  return {
    running,
    async find() {
      const process = await running();
      if (process === undefined) throw noSocket();
      return process;
    },
    async attend(process) {
      const before = await isAttended(attended, process);
      if (!before) await noteAttended(attended, process);
      return before;
    },
    look: (signal) =>
      alone(async (): Promise<OwnerFacts> => {
        const { profile, prefs, record: kept } = await read(signal);
        const { preferences, exitNode, netfilter, acceptsDns, login: _, ...others } = prefs;
        seen.set(profile.id, preferences);
        const record = stillOurs(kept, preferences);
        if (JSON.stringify(record) !== JSON.stringify(kept)) await keep(profile.id, record);
        const answer = await get("status?peers=false", signal);
        const { status } = readStatus(answer);
        const { addresses } = status.self;
        const tunnel = tunnelOf({ addresses, links: await links() });
        return {
          ...readBuild(answer),
          ...others,
          backendState: status.backendState,
          profileId: profile.id,
          preferences,
          record,
          guardedAtBoot: await guardedAtBoot(),
          served: status.self.online ? status.self.primaryRoutes : null,
          terms:
            tunnel === undefined
              ? null
              : {
                  tunnel,
                  addresses,
                  confineTable52: confinementOf(ownerAcceptsRoutes(record, preferences), exitNode),
                  magicDns: acceptsDns && namesMagicDns(await resolvConfs()),
                  netfilter,
                },
        };
      }),
    watch: (changed, closed) => followBus(api, changed, closed, ownerMask),
    async recallTerms() {
      known ??= await readOwnerTerms(paths.ownerTerms);
      return known;
    },
    async keepTerms(terms, signal) {
      await writeOwnerTerms(paths.ownerTerms, terms, signal);
      known = terms;
    },
    announce: (prefixes, signal) =>
      alone(async () => {
        const before = await read(signal);
        if (before.profile.id === "")
          throw new OwnerError("the node's tailscaled has no profile yet", { code: "UNSETTLED" });
        const change = editToAnnounce(before.prefs.preferences, before.record, prefixes);
        if (change === undefined)
          throw new OwnerError("the node's tailscaled is an app connector", { code: "APP_CONNECTOR" });
        if (change.edit?.RouteAll && !(await guardedAtBoot()))
          throw new OwnerError("routes are accepted once headcni-guard.service is enabled", {
            code: "NO_BOOT_UNIT",
          });
        return { preferences: await make(change, before, signal), record: change.record };
      }),
    holdsOurs: () => holdsOurs(paths.ownerProfiles),
    undo: (signal) =>
      alone(async () => {
        if (!(await holdsOurs(paths.ownerProfiles))) return { withdrawn: [], left: [] };
        if ((await running()) === undefined) throw noSocket();
        const before = await read(signal);
        const change = editToUndo(before.prefs.preferences, before.record);
        await make(change, before, signal);
        const profiles = readProfiles(await get("profiles/", signal));
        return {
          withdrawn: stillOurs(before.record, before.prefs.preferences).routes.filter(
            (route) => !change.left.includes(route),
          ),
          left: leftWithOwner(await readOwnerRecords(paths.ownerProfiles), before.profile.id, profiles),
        };
      }),
    close: api.close,
  };
}
