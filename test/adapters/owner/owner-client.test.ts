import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOwner } from "../../../src/adapters/owner/owner-client.ts";
import { readOwnerTerms } from "../../../src/adapters/state-files/owner-terms-file.ts";
import { startTimeOf } from "../../../src/adapters/tailscale/process-identity.ts";
import { runtimePaths } from "../../../src/config/runtime-paths.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { standInTailscaled } from "./stand-in.ts";

const { signal } = new AbortController();
const own = ["10.244.1.0/24"];
const lan = "192.168.7.0/24";

let folder: string;
let socket: string;
let tailscaled: Awaited<ReturnType<typeof standInTailscaled>>;
let owner: ReturnType<typeof createOwner>;
let resolvConf = "";
let guardedAtBoot = true;

beforeEach(async () => {
  folder = temporaryDirectory();
  socket = join(folder, "t.sock");
  resolvConf = "nameserver 10.0.0.1\n";
  guardedAtBoot = true;
  tailscaled = await standInTailscaled(socket);
  owner = createOwner({
    socket,
    runtimeDir: folder,
    paths: runtimePaths({ runtimeDir: folder, stateDir: folder }),
    links: async () => [{ name: "ts9", mtu: 1280, addresses: ["100.64.0.7"] }],
    resolvConfs: async () => [resolvConf],
    guardedAtBoot: async () => guardedAtBoot,
  });
});
afterEach(() => {
  owner.close();
  tailscaled.close();
});

const records = async () =>
  (JSON.parse(await readFile(join(folder, "owner-profiles.json"), "utf8")) as { profiles: unknown }).profiles;
const prefs = (profile = "a1b2") => tailscaled.state.prefs[profile] ?? {};
const ours = { routes: own, acceptsRoutes: true };

describe("the node's tailscaled", () => {
  test("is the process that answers, and attended once", async () => {
    const process_ = await owner.find();
    expect(process_).toEqual({ pid: process.pid, startTime: await startTimeOf(process.pid) });
    expect(await owner.attend(process_)).toBe(false);
    expect(await owner.attend(process_)).toBe(true);
    expect(await owner.attend({ ...process_, startTime: "1" })).toBe(false);
  });

  test("that does not answer is named by its socket", async () => {
    tailscaled.close();
    await expect(owner.find()).rejects.toMatchObject({
      detail: { code: "NO_SOCKET", path: socket },
      message: `nothing answers on ${socket}: start the node's tailscaled`,
    });
    expect(await owner.running()).toBeUndefined();
  });

  test("is looked at whole", async () => {
    expect(await owner.look(signal)).toEqual({
      version: "1.102.3-tabc",
      tun: true,
      backendState: "Running",
      profileId: "a1b2",
      controlUrl: "http://10.99.0.1:8080",
      shieldsUp: false,
      statefulFiltering: false,
      preferences: { routes: [lan], acceptsRoutes: false, appConnector: false },
      record: { routes: [], acceptsRoutes: false },
      guardedAtBoot: true,
      served: own,
      terms: {
        tunnel: { name: "ts9", mtu: 1280 },
        addresses: ["100.64.0.7"],
        confineTable52: "toTailnet",
        magicDns: false,
        netfilter: "on",
      },
    });
  });

  test.each([
    [{ RouteAll: true }, { confineTable52: "none" }],
    [{ ExitNodeID: "5" }, { confineTable52: "none" }],
    [{ ExitNodeIP: "100.64.0.5", ExitNodeAllowLANAccess: true }, { confineTable52: "behindMain" }],
    [{ AutoExitNode: "any", ExitNodeAllowLANAccess: true }, { confineTable52: "behindMain" }],
    [{ ExitNodeAllowLANAccess: true }, { confineTable52: "toTailnet" }],
    [{ NetfilterMode: 1 }, { netfilter: "nodivert" }],
    [{ NetfilterMode: 0 }, { netfilter: "off" }],
  ])("with %j has the terms %j", async (changes, terms) => {
    Object.assign(prefs(), changes);
    expect((await owner.look(signal)).terms).toMatchObject(terms);
  });

  test("resolves the node's names where it may and a resolv.conf names it", async () => {
    resolvConf = "nameserver 100.100.100.100\n";
    expect((await owner.look(signal)).terms?.magicDns).toBe(false);
    prefs()["CorpDNS"] = true;
    expect((await owner.look(signal)).terms?.magicDns).toBe(true);
    resolvConf = "nameserver 10.0.0.1\n";
    expect((await owner.look(signal)).terms?.magicDns).toBe(false);
  });

  test.each([
    [{ ShieldsUp: true }, { shieldsUp: true }],
    [{ NoStatefulFiltering: false }, { statefulFiltering: true }],
    [{ NoStatefulFiltering: true }, { statefulFiltering: false }],
    [{ AppConnector: { Advertise: true } }, { preferences: { appConnector: true } }],
  ])("with %j is known for it", async (changes, facts) => {
    Object.assign(prefs(), changes);
    expect(await owner.look(signal)).toMatchObject(facts);
  });

  test("has no terms before an interface has its address, and serves nothing while it is offline", async () => {
    tailscaled.state.status = { ...tailscaled.state.status, Self: { TailscaleIPs: null } };
    expect(await owner.look(signal)).toMatchObject({ terms: null, served: null });
  });

  test("whose owner switches profiles at that moment is not looked at", async () => {
    tailscaled.hooks.before = (request) => {
      if (request === "GET prefs") tailscaled.state.profile = "c3d4";
    };
    await expect(owner.look(signal)).rejects.toMatchObject({ detail: { code: "UNSETTLED" } });
  });
});

test("what the guard must know is kept over a boot, and nothing that is no such thing is believed", async () => {
  const { ownerTerms } = runtimePaths({ runtimeDir: folder, stateDir: folder });
  expect(await readOwnerTerms(ownerTerms)).toBeNull();
  expect(await owner.recallTerms()).toBeNull();
  const { terms: seen } = await owner.look(signal);
  if (seen === null) throw new Error("no terms");
  const terms = { ...seen, elsewhere: true };
  await owner.keepTerms(terms, signal);
  expect(await readOwnerTerms(ownerTerms)).toEqual(terms);
  expect(await owner.recallTerms()).toEqual(terms);
  await writeFile(ownerTerms, JSON.stringify({ version: 2, ...terms }));
  expect(await readOwnerTerms(ownerTerms)).toBeNull();
});

describe("what is added to its preferences", () => {
  test("is written down before it is sent, and sent once", async () => {
    const seen: unknown[] = [];
    tailscaled.hooks.before = async (request) => {
      if (request === "PATCH prefs") seen.push(await records());
    };
    const edited = {
      preferences: { routes: [lan, ...own], acceptsRoutes: true, appConnector: false },
      record: ours,
    };
    expect(await owner.announce(own, signal)).toEqual(edited);
    expect(seen).toEqual([{ a1b2: ours }]);
    expect(await owner.announce(own, signal)).toEqual(edited);
    expect(tailscaled.edits).toEqual([
      { AdvertiseRoutes: [lan, ...own], AdvertiseRoutesSet: true, RouteAll: true, RouteAllSet: true },
    ]);
    expect((await owner.look(signal)).terms?.confineTable52).toBe("toTailnet");
  });

  test("is taken for the owner's once he took it away and gives it again", async () => {
    await owner.announce(own, signal);
    Object.assign(prefs(), { AdvertiseRoutes: [lan], RouteAll: false });
    await owner.look(signal);
    expect(await records()).toEqual({});
    Object.assign(prefs(), { AdvertiseRoutes: [lan, ...own], RouteAll: true });
    expect((await owner.look(signal)).terms?.confineTable52).toBe("none");
    expect(await owner.undo(signal)).toEqual({ withdrawn: [], left: [] });
    expect(prefs()).toMatchObject({ AdvertiseRoutes: [lan, ...own], RouteAll: true });
  });

  test("is not lost to a look that comes between its record and the edit", async () => {
    const between = Promise.withResolvers<void>();
    const { promise, resolve } = between;
    let looked: Promise<unknown> = Promise.resolve();
    tailscaled.hooks.before = async (request) => {
      if (request !== "PATCH prefs") return;
      looked = owner.look(signal);
      resolve();
    };
    const announced = owner.announce(own, signal);
    await promise;
    await announced;
    expect(await looked).toMatchObject({ record: ours });
    expect(await records()).toEqual({ a1b2: ours });
  });

  test("is refused by an app connector, and without a profile", async () => {
    Object.assign(prefs(), { AppConnector: { Advertise: true } });
    await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "APP_CONNECTOR" } });
    tailscaled.state.profile = "";
    await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "UNSETTLED" } });
    expect(tailscaled.edits).toEqual([]);
  });

  test("accepts routes once something loads our rules at boot, and all else continues without", async () => {
    guardedAtBoot = false;
    await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "NO_BOOT_UNIT" } });
    expect(await owner.look(signal)).toMatchObject({
      guardedAtBoot: false,
      record: { acceptsRoutes: false },
    });
    expect(tailscaled.edits).toEqual([]);
    // Its owner accepts them himself.
    Object.assign(prefs(), { RouteAll: true });
    await owner.announce(own, signal);
    expect(prefs()).toMatchObject({ AdvertiseRoutes: [lan, ...own], RouteAll: true });
    Object.assign(prefs(), { RouteAll: false });
    guardedAtBoot = true;
    await owner.announce(own, signal);
    expect(prefs()).toMatchObject({ RouteAll: true });
    // What is on already stays on.
    guardedAtBoot = false;
    await owner.announce([...own, "10.244.9.0/24"], signal);
    expect(prefs()).toMatchObject({ RouteAll: true });
  });

  test("is not believed before it is read back", async () => {
    let patched = false;
    tailscaled.hooks.before = (request) => {
      if (request === "GET prefs" && patched) Object.assign(prefs(), { AdvertiseRoutes: [lan] });
      patched ||= request === "PATCH prefs";
    };
    await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "EDIT_LOST" } });
  });

  describe("where the owner switches to another profile between the look and the edit", () => {
    const office = "172.16.0.0/12";
    const switches = () => {
      tailscaled.hooks.before = (request) => {
        if (request === "PATCH prefs") tailscaled.state.profile = "c3d4";
      };
    };
    beforeEach(() => Object.assign(prefs("c3d4"), { AdvertiseRoutes: [office], RouteAll: false }));

    test("does not stay there: that one has again what it had, and nothing is on record", async () => {
      tailscaled.state.profile = "c3d4";
      await owner.look(signal);
      tailscaled.state.profile = "a1b2";
      switches();
      await expect(owner.announce(own, signal)).rejects.toMatchObject({
        detail: { code: "EDIT_LOST" },
        message: "the node's tailscaled was switched to the profile work",
      });
      expect(prefs("c3d4")).toMatchObject({ AdvertiseRoutes: [office], RouteAll: false });
      expect(prefs("a1b2")).toMatchObject({ AdvertiseRoutes: [lan] });
      expect(await records()).toEqual({});
    });

    test("leaves no route of the other in one that was never looked at", async () => {
      switches();
      await expect(owner.announce(own, signal)).rejects.toMatchObject({
        detail: { code: "EDIT_LOST" },
        message: expect.stringContaining("what it announced is not known"),
      });
      expect(prefs("c3d4")).toMatchObject({ AdvertiseRoutes: [], RouteAll: false });
    });

    test("is all on record until it is taken out", async () => {
      switches();
      const kept: unknown[] = [];
      const { before } = tailscaled.hooks;
      tailscaled.hooks.before = async (request) => {
        if (request === "PATCH prefs" && tailscaled.state.profile === "c3d4") kept.push(await records());
        await before(request);
      };
      await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "EDIT_LOST" } });
      expect(kept).toMatchObject([{ c3d4: { routes: [lan, ...own], acceptsRoutes: true } }]);
    });

    test("has the edit stand where it came before the switch", async () => {
      let patched = false;
      tailscaled.hooks.before = (request) => {
        if (patched) tailscaled.state.profile = "c3d4";
        patched ||= request === "PATCH prefs";
      };
      await expect(owner.announce(own, signal)).rejects.toMatchObject({ detail: { code: "EDIT_LOST" } });
      expect(prefs("a1b2")).toMatchObject({ AdvertiseRoutes: [lan, ...own] });
      expect(prefs("c3d4")).toMatchObject({ AdvertiseRoutes: [office] });
      expect(await records()).toEqual({ a1b2: ours });
    });
  });

  test("is not made where what is ours already cannot be known", async () => {
    await writeFile(join(folder, "owner-profiles.json"), "{");
    await expect(owner.announce(own, signal)).rejects.toMatchObject({
      detail: { code: "RECORDS_UNREADABLE", path: join(folder, "owner-profiles.json") },
    });
    await expect(owner.undo(signal)).rejects.toMatchObject({ detail: { code: "RECORDS_UNREADABLE" } });
    expect(tailscaled.edits).toEqual([]);
  });
});

describe("the undoing of it", () => {
  test("gives back what the owner had, and what he changed since", async () => {
    await owner.announce(own, signal);
    Object.assign(prefs(), { AdvertiseRoutes: [...own, "10.0.0.0/8", lan], ShieldsUp: true });
    expect(await owner.undo(signal)).toEqual({ withdrawn: own, left: [] });
    expect(prefs()).toMatchObject({ AdvertiseRoutes: ["10.0.0.0/8", lan], RouteAll: false, ShieldsUp: true });
    expect(await records()).toEqual({});
  });

  test("names what other profiles hold, and does that when they are in use", async () => {
    await owner.announce(own, signal);
    tailscaled.state.profile = "c3d4";
    await owner.announce(own, signal);
    expect(await owner.undo(signal)).toEqual({
      withdrawn: own,
      left: [
        "the profile home announces 10.244.1.0/24 and accepts routes for us: `tailscale switch a1b2`, and run this again",
      ],
    });
    expect(prefs("c3d4")).toMatchObject({ AdvertiseRoutes: [], RouteAll: false });
    tailscaled.state.profile = "a1b2";
    expect(await owner.undo(signal)).toEqual({ withdrawn: own, left: [] });
    expect(prefs("a1b2")).toMatchObject({ AdvertiseRoutes: [lan], RouteAll: false });
  });

  test("needs no tailscaled where nothing is ours, and one where something is", async () => {
    await owner.announce(own, signal);
    tailscaled.close();
    await expect(owner.undo(signal)).rejects.toMatchObject({ detail: { code: "NO_SOCKET" } });
    await writeFile(join(folder, "owner-profiles.json"), '{"version":1,"profiles":{}}');
    expect(await owner.undo(signal)).toEqual({ withdrawn: [], left: [] });
  });
});
