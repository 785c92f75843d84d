import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  editToAnnounce,
  editToUndo,
  isEmpty,
  isMade,
  leftWithOwner,
  nothingOurs,
  type OwnerPreferences,
  type OwnerRecord,
  ownerAcceptsRoutes,
  type PreferencesEdit,
  stillOurs,
  withRecord,
} from "../../../src/domain/owner/owner-preferences.ts";

const lan = "192.168.7.0/24";
const own = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const owners = (changes: Partial<OwnerPreferences> = {}): OwnerPreferences => ({
  routes: [lan],
  acceptsRoutes: false,
  appConnector: false,
  ...changes,
});

/** What tailscaled makes of it. */
function patched(current: OwnerPreferences, edit: PreferencesEdit | undefined): OwnerPreferences {
  return {
    ...current,
    ...(edit?.AdvertiseRoutesSet && { routes: edit.AdvertiseRoutes ?? [] }),
    ...(edit?.RouteAllSet && { acceptsRoutes: edit.RouteAll ?? false }),
  };
}

describe("the owner's preferences", () => {
  test("get our prefixes behind his own, and accept routes", () => {
    expect(editToAnnounce(owners(), nothingOurs, own)).toEqual({
      edit: {
        AdvertiseRoutes: [lan, ...own],
        AdvertiseRoutesSet: true,
        RouteAll: true,
        RouteAllSet: true,
      },
      record: { routes: own, acceptsRoutes: true },
    });
  });

  test("that are as wanted get no edit, and what he had stays his", () => {
    const current = owners({ routes: [...own, lan], acceptsRoutes: true });
    expect(editToAnnounce(current, nothingOurs, own)).toEqual({ edit: undefined, record: nothingOurs });
    expect(editToUndo(current, nothingOurs)).toEqual({ edit: undefined, record: nothingOurs, left: [] });
    expect(ownerAcceptsRoutes(nothingOurs, current)).toBe(true);
  });

  test("get only what is missing", () => {
    const [first = "", second = ""] = own;
    const current = owners({ routes: [lan, first], acceptsRoutes: true });
    const record: OwnerRecord = { routes: [first], acceptsRoutes: true };
    expect(editToAnnounce(current, record, own)).toEqual({
      edit: { AdvertiseRoutes: [lan, first, second], AdvertiseRoutesSet: true },
      record: { routes: own, acceptsRoutes: true },
    });
    expect(editToAnnounce({ ...current, acceptsRoutes: false }, record, [first])?.edit).toEqual({
      RouteAll: true,
      RouteAllSet: true,
    });
    expect(ownerAcceptsRoutes(record, current)).toBe(false);
  });

  test("lose what is ours and no longer a prefix of this node", () => {
    const record: OwnerRecord = { routes: ["10.244.9.0/24"], acceptsRoutes: true };
    const current = owners({ routes: ["10.244.9.0/24", lan, "10.244.8.0/24"], acceptsRoutes: true });
    expect(editToAnnounce(current, record, own)).toEqual({
      edit: { AdvertiseRoutes: [lan, "10.244.8.0/24", ...own], AdvertiseRoutesSet: true },
      record: { routes: own, acceptsRoutes: true },
    });
  });

  test("of an app connector keep their list: no edit that changes it, not even to undo", () => {
    const current = owners({ appConnector: true });
    expect(editToAnnounce(current, nothingOurs, own)).toBeUndefined();
    const ours = owners({ appConnector: true, routes: [lan, ...own], acceptsRoutes: true });
    const record: OwnerRecord = { routes: own, acceptsRoutes: true };
    expect(editToAnnounce(ours, record, own)).toEqual({ edit: undefined, record });
    expect(editToUndo(ours, record)).toEqual({
      edit: { RouteAll: false, RouteAllSet: true },
      record: { routes: own, acceptsRoutes: false },
      left: own,
    });
  });

  test("are made when they read back so, in whatever order", () => {
    const edit = editToAnnounce(owners(), nothingOurs, own)?.edit ?? {};
    expect(isMade(edit, owners({ routes: [...own, lan], acceptsRoutes: true }))).toBe(true);
    expect(isMade(edit, owners({ routes: [lan, ...own] }))).toBe(false);
    expect(isMade(edit, owners({ routes: [...own, "10.0.0.0/8"], acceptsRoutes: true }))).toBe(false);
    expect(isMade(edit, owners({ routes: [lan, ...own, "10.0.0.0/8"], acceptsRoutes: true }))).toBe(false);
    expect(isMade({ RouteAll: false, RouteAllSet: true }, owners())).toBe(true);
  });
});

/** What an owner does between our looks; a list takes the place of the one before, as with `tailscale set` and `up`. */
const ownerChange = fc.oneof(
  fc.record({ routes: fc.uniqueArray(fc.constantFrom(lan, "10.0.0.0/8", "::/0", "10.244.9.0/24", ...own)) }),
  fc.record({ acceptsRoutes: fc.boolean() }),
  fc.constant({ routes: [], acceptsRoutes: false }),
);
const anyChanges = fc.array(fc.record({ effect: ownerChange, guarded: fc.boolean() }), { maxLength: 8 });
const anyOwner = fc.record({
  routes: fc.uniqueArray(fc.constantFrom(lan, "10.0.0.0/8", ...own)),
  acceptsRoutes: fc.boolean(),
  appConnector: fc.constant(false),
});

test("undone, the preferences are the owner's: what he had, and what he changed since", () => {
  fc.assert(
    fc.property(anyOwner, anyChanges, (first, effects) => {
      // His own will: what he set last, where that changed anything.
      let will: Pick<OwnerPreferences, "routes" | "acceptsRoutes"> = first;
      let current: OwnerPreferences = first;
      let record: OwnerRecord = nothingOurs;
      // What we added and he has left there since.
      let ours: readonly string[] = [];
      const look = (guarded: boolean) => {
        ours = ours.filter((route) => current.routes.includes(route));
        if (guarded) ours = [...ours, ...own.filter((route) => !current.routes.includes(route))];
        const next = guarded
          ? editToAnnounce(current, record, own)
          : { edit: undefined, record: stillOurs(record, current) };
        current = patched(current, next?.edit);
        record = next?.record ?? record;
      };
      look(true);
      for (const { effect, guarded } of effects) {
        if ("routes" in effect)
          will = { ...will, routes: (effect.routes as readonly string[]).filter(isNotIn(ours)) };
        if ("acceptsRoutes" in effect && effect.acceptsRoutes !== current.acceptsRoutes)
          will = { ...will, acceptsRoutes: effect.acceptsRoutes };
        current = { ...current, ...effect };
        look(guarded);
        if (guarded) {
          expect(current.routes).toEqual(expect.arrayContaining([...own, ...will.routes]));
          expect(current.acceptsRoutes).toBe(true);
          expect(editToAnnounce(current, record, own)?.edit).toBeUndefined();
        }
      }
      const undo = editToUndo(current, record);
      current = patched(current, undo.edit);
      expect({ ...current, routes: [...current.routes].sort() }).toEqual({
        ...will,
        routes: [...will.routes].sort(),
        appConnector: false,
      });
      expect(editToUndo(current, undo.record).edit).toBeUndefined();
    }),
  );
});

/** A prefix of ours that he writes into his list, as the command line tells him to, stays ours. */
function isNotIn(ours: readonly string[]) {
  return (route: string) => !ours.includes(route);
}

describe("the records of profiles", () => {
  const ours: OwnerRecord = { routes: own.slice(0, 1), acceptsRoutes: true };

  test("hold what is ours, and nothing where nothing is", () => {
    const records = withRecord({ b: ours }, "a", ours);
    expect(records).toEqual({ a: ours, b: ours });
    expect(withRecord(records, "a", nothingOurs)).toEqual({ b: ours });
    expect([nothingOurs, ours, { ...ours, routes: [] }].map(isEmpty)).toEqual([true, false, false]);
  });

  test("name what cannot be undone here: in other profiles that exist, and with an app connector", () => {
    const profiles = [
      { id: "a", name: "home" },
      { id: "b", name: "work" },
      { id: "c", name: "lab" },
    ];
    const records = { b: ours, c: { routes: [], acceptsRoutes: true }, gone: ours };
    expect(leftWithOwner(records, "a", profiles)).toEqual([
      "the profile work announces 10.244.1.0/24 and accepts routes for us: `tailscale switch b`, and run this again",
      "the profile lab accepts routes for us: `tailscale switch c`, and run this again",
    ]);
    expect(leftWithOwner({ a: { routes: own, acceptsRoutes: false } }, "a", profiles)).toEqual([
      `the profile home announces ${own.join(", ")} for us, and is an app connector: take that out of \`tailscale set --advertise-routes\``,
    ]);
    expect(leftWithOwner({ a: nothingOurs }, "b", profiles)).toEqual([]);
  });
});
