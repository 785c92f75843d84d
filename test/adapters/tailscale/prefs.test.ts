import { describe, expect, test } from "vitest";
import {
  mergePrefs,
  prefsDifference,
  readPrefs,
  withoutRoutes,
} from "../../../src/adapters/tailscale/prefs.ts";

const wanted = { controlUrl: "http://hs:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };
/** A fresh profile of tailscaled 1.102.3. */
const fresh = readPrefs(
  JSON.stringify({
    ControlURL: "https://controlplane.tailscale.com",
    RouteAll: false,
    CorpDNS: true,
    WantRunning: false,
    LoggedOut: true,
    Hostname: "",
    AdvertiseRoutes: null,
    NoSNAT: false,
    NoStatefulFiltering: true,
    NetfilterMode: 2,
    AutoUpdate: { Check: true, Apply: null },
    OperatorUser: "alice",
  }),
);

describe("preferences", () => {
  test("of a first login keep what is not ours", () => {
    expect(mergePrefs(fresh, wanted)).toMatchObject({
      ControlURL: "http://hs:8080",
      WantRunning: true,
      LoggedOut: false,
      RouteAll: true,
      CorpDNS: false,
      NoSNAT: true,
      NetfilterMode: 0,
      AdvertiseRoutes: ["10.244.1.0/24"],
      AutoUpdate: { Check: false, Apply: false },
      OperatorUser: "alice",
    });
  });

  test("that are as wanted lead to no edit, whatever the order of routes and omitted zero values", () => {
    const {
      NetfilterMode: _,
      CorpDNS: __,
      ...merged
    } = mergePrefs(fresh, {
      ...wanted,
      advertiseRoutes: ["10.244.1.0/24", "fd00::/64"],
    });
    const sameOtherOrder = { ...wanted, advertiseRoutes: ["fd00::/64", "10.244.1.0/24"] };
    expect(prefsDifference(merged, sameOtherOrder)).toBeUndefined();
  });

  test("that differ are edited alone", () => {
    const merged = mergePrefs(fresh, wanted);
    expect(prefsDifference({ ...merged, RouteAll: false, AdvertiseRoutes: [] }, wanted)).toEqual({
      RouteAll: true,
      RouteAllSet: true,
      AdvertiseRoutes: ["10.244.1.0/24"],
      AdvertiseRoutesSet: true,
    });
    expect(prefsDifference({ ...merged, AutoUpdate: { Check: true } }, wanted)).toEqual({
      AutoUpdate: { Check: false, Apply: false },
      AutoUpdateSet: { CheckSet: true, ApplySet: true },
    });
  });

  test("lose withdrawn routes and keep the others", () => {
    const prefs = { AdvertiseRoutes: ["10.244.1.0/24", "192.168.0.0/24"] };
    expect(withoutRoutes(prefs, ["10.244.1.0/24"])).toEqual({
      AdvertiseRoutes: ["192.168.0.0/24"],
      AdvertiseRoutesSet: true,
    });
    expect(withoutRoutes(prefs, ["10.244.9.0/24"])).toBeUndefined();
    expect(withoutRoutes({ AdvertiseRoutes: null }, ["10.244.1.0/24"])).toBeUndefined();
  });
});
