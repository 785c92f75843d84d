import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTailnetRig, type TailnetRig } from "../../adapters/tailscale/tailnet-rig.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { endProcess } from "../../lab/processes/processes.ts";
import { run } from "../../lab/run-command.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { hostTailscaledProcess, startHostTailscaled } from "../../lab/tailnet/host-tailscaled.ts";
import { until } from "../../support/until.ts";
import { liveOwner } from "../support/live-owner.ts";

/** A tailscaled as its owner runs it, with a LAN that he announces; the owner machine beside it, and no guard but one that says it holds. */
const lan = "192.168.7.0/24";
const { signal } = new AbortController();
let rig: TailnetRig;
let machine: ReturnType<typeof liveOwner>;

const node = () => rig.node(0);
const cli = (...args: string[]) =>
  run(inNetns(node().netns, [rig.lab.tools.tailscale, `--socket=${node().hostTailscaledSocket}`, ...args]), {
    timeoutMs: 60_000,
  });
const keyOf = (owner: string) => join(rig.lab.folder, `${owner}.authkey`);
const up = (...flags: string[]) =>
  cli(
    "up",
    `--login-server=${rig.headscaleUrl}`,
    `--auth-key=file:${keyOf("alice")}`,
    "--accept-dns=false",
    ...flags,
  );
const preferences = async () => {
  // Keys and what tailscaled keeps of the login; and what it takes from the tailnet later (ipnlocal: onTailnetDefaultAutoUpdate).
  const {
    Config: _,
    AutoUpdate: _tailnets,
    ...prefs
  } = JSON.parse(await cli("debug", "prefs")) as Record<string, unknown>;
  // `tailscale up` and `set` sort it; a list that is edited by others stays as it is.
  const routes = (prefs["AdvertiseRoutes"] ?? []) as readonly string[];
  return { ...prefs, AdvertiseRoutes: routes.toSorted() };
};
/** By which an edit's answer tells which profile it went to. */
const login = async () => {
  const { Config } = JSON.parse(await cli("debug", "prefs")) as {
    readonly Config: { readonly NodeID: string };
  };
  return Config.NodeID;
};
const untilState = (what: string, holds: () => boolean) =>
  until(holds, what).catch((error: Error) => {
    const seen = [machine.state(), machine.facts(), machine.lastDown()];
    throw new Error(`${error.message}; ${JSON.stringify(seen)}`);
  });
const untilKept = () => untilState("ours stands, and the tailnet", () => machine.isKept() && machine.isUp());
const untilHindered = (state: string) => untilState(state, () => machine.hindered() === state);
const served = async () => {
  const { Self } = JSON.parse(await cli("status", "--json")) as {
    readonly Self: { readonly PrimaryRoutes?: readonly string[] };
  };
  return Self.PrimaryRoutes ?? [];
};
const ours = () => ({ AdvertiseRoutes: [node().podCIDR, lan], RouteAll: true });

/**
 * Users, not tags: a login of the same machine as the same user, or with any tag, is the same node to Headscale, and then the same profile
 * to tailscaled; and a tagged node that logged out never gets in again (0.29, hscontrol/state/state.go).
 */
async function addOwners({ lab }: TailnetRig, ...owners: readonly string[]): Promise<void> {
  for (const owner of owners) {
    const user = JSON.parse(await headscale(lab, ["users", "create", owner, "--output=json"])) as {
      id: number;
    };
    const create = ["preauthkeys", "create", `--user=${user.id}`, "--reusable", "--expiration=24h"];
    await writeFile(keyOf(owner), (await headscale(lab, create)).trim(), { mode: 0o600 });
  }
  const approvers = owners.map((owner) => `${owner}@`);
  const routes = Object.fromEntries(lab.supernets.map((supernet) => [supernet, approvers]));
  const policy = join(lab.folder, "owners-policy.json");
  await writeFile(policy, JSON.stringify({ autoApprovers: { routes } }));
  await headscale(lab, ["policy", "set", "-f", policy]);
}

async function runAsOwner(lab: Lab, one: LabNode): Promise<void> {
  await mkdir(one.runtimeDir, { recursive: true });
  await startHostTailscaled(lab, one);
}

beforeAll(async () => {
  const id = `${process.env["LAB_TEST_RUN"] ?? "t"}${randomBytes(2).toString("hex")}`;
  const options = { nodes: 1, approval: "policy", hostTailscaled: ["n1"] } as const;
  rig = await startTailnetRig(options, runAsOwner, id);
  await addOwners(rig, "alice", "bob");
});
afterAll(() => rig.end());

/** Has the owner replace tailscaled by one that says it is of this version, as long as the lab's: the same program otherwise. */
async function runVersion(version: string): Promise<void> {
  const running = await hostTailscaledProcess(rig.lab, node());
  if (running === undefined) throw new Error("no tailscaled");
  const built = (await readFile(rig.lab.tools.tailscaled)).toString("latin1");
  const program = join(rig.lab.folder, `tailscaled-${version}`);
  await writeFile(program, Buffer.from(built.replaceAll("1.102.3", version), "latin1"), { mode: 0o755 });
  await endProcess(running);
  await startHostTailscaled(rig.lab, node(), { program });
}
const untilVersion = (version: string) =>
  untilState(`tailscaled ${version}`, () => machine.facts()?.version === version);

/** As its owner left it before HeadCNI came. */
let before: Record<string, unknown>;
beforeEach(async () => {
  await up("--reset", `--advertise-routes=${lan}`);
  before = await preferences();
  machine = liveOwner(rig, 0);
  await untilKept();
});
afterEach(async () => {
  machine.actor.stop();
  await machine.owner.undo(signal);
  machine.stop();
});

describe("beside the owner of the node's tailscaled", () => {
  test("ours is added and served, and taken back it is as it was", async () => {
    expect(await preferences()).toEqual({ ...before, ...ours() });
    expect(machine.facts()?.terms).toMatchObject({
      tunnel: { name: "tailscale0", mtu: 1280 },
      confineTable52: "toTailnet",
      netfilter: "on",
    });
    await until(async () => (await served()).includes(node().podCIDR), "Headscale serves it");
    machine.actor.stop();
    expect(await machine.owner.undo(signal)).toEqual({ withdrawn: [node().podCIDR], left: [] });
    expect(await preferences()).toEqual(before);
  });

  test("ours is added again after `up --reset`, and what he set then stays his", async () => {
    await up("--reset", "--advertise-routes=10.7.0.0/16", "--hostname=mine");
    await untilState("his list", () => machine.facts()?.preferences.routes[0] === "10.7.0.0/16");
    await untilKept();
    expect(await preferences()).toMatchObject({
      AdvertiseRoutes: [node().podCIDR, "10.7.0.0/16"],
      RouteAll: true,
      Hostname: "mine",
    });
    machine.actor.stop();
    await machine.owner.undo(signal);
    expect(await preferences()).toMatchObject({
      AdvertiseRoutes: ["10.7.0.0/16"],
      RouteAll: false,
      Hostname: "mine",
    });
  });

  test("another profile gets ours, too; the one that is not in use is named until it is", async () => {
    const first = machine.facts()?.profileId ?? "";
    const firstLogin = await login();
    await cli(
      "login",
      `--login-server=${rig.headscaleUrl}`,
      `--auth-key=file:${keyOf("bob")}`,
      "--accept-dns=false",
    );
    await untilState("the other profile", () => ![first, ""].includes(machine.facts()?.profileId ?? ""));
    await untilKept();
    expect(["", firstLogin]).not.toContain(await login());
    expect(await preferences()).toMatchObject({ AdvertiseRoutes: [node().podCIDR], RouteAll: true });
    machine.actor.stop();
    const { left } = await machine.owner.undo(signal);
    expect(left).toEqual([expect.stringContaining(`tailscale switch ${first}`)]);
    expect(await preferences()).toMatchObject({ AdvertiseRoutes: [], RouteAll: false });
    await cli("switch", first);
    await until(async () => (await machine.owner.undo(signal)).left.length === 0, "the switch");
    expect(await preferences()).toEqual(before);
  });

  test("`down` is a state with what to do, and `up` ends it without another edit", async () => {
    await cli("down");
    await untilHindered("stopped");
    expect(machine.lastDown()).toContain("`tailscale up`");
    expect(await preferences()).toMatchObject(ours());
    await cli(
      "up",
      "--accept-routes",
      `--advertise-routes=${ours().AdvertiseRoutes}`,
      "--accept-dns=false",
      `--login-server=${rig.headscaleUrl}`,
    );
    await untilKept();
    expect(await preferences()).toMatchObject(ours());
  });

  test("`logout` is a state with what to do; nothing logs in but its owner", async () => {
    await cli("logout");
    await untilHindered("loggedOut");
    expect(machine.lastDown()).toContain(`tailscale up --login-server=${rig.headscaleUrl}`);
    await up(`--advertise-routes=${lan}`);
    await untilKept();
    expect(await preferences()).toMatchObject(ours());
  });

  test("`logout` is undone where there is a key of ours, and the rest is as tailscaled has it", async () => {
    machine.stop();
    await cli("logout");
    await cli("set", "--accept-dns=false");
    machine = liveOwner(rig, 0, { authKeyFile: keyOf("alice") });
    await untilKept();
    expect(await preferences()).toMatchObject({
      ControlURL: rig.headscaleUrl,
      AdvertiseRoutes: [node().podCIDR],
      RouteAll: true,
      NetfilterMode: 2,
      CorpDNS: false,
      NoSNAT: false,
    });
  });

  test("a restart of tailscaled is noticed, and a daemon that finds it attended opens no paths again", async () => {
    const running = await hostTailscaledProcess(rig.lab, node());
    if (running === undefined) throw new Error("no tailscaled");
    const pid = machine.actor.getSnapshot().context.found.pid;
    expect(pid).toBe(running.pid);
    await endProcess(running);
    await untilState("its absence", () => machine.lastDown().startsWith("nothing answers on"));
    await startHostTailscaled(rig.lab, node());
    await untilState(
      "another process",
      () => ![0, pid].includes(machine.actor.getSnapshot().context.found.pid),
    );
    await untilKept();
    expect(await preferences()).toMatchObject(ours());
    machine.stop();
    machine = liveOwner(rig, 0);
    await untilKept();
    expect(machine.actor.getSnapshot().context.found.attended).toBe(true);
  });

  test("a newer tailscaled goes on as the former, and one that is too old is named", async () => {
    await runVersion("1.199.3");
    await untilVersion("1.199.3");
    await untilKept();
    expect(await preferences()).toMatchObject(ours());
    await runVersion("1.98.33");
    await untilHindered("tooOld");
    expect(machine.lastDown()).toContain("upgrade Tailscale");
    expect(await preferences()).toMatchObject(ours());
    await runVersion("1.102.3");
    await untilVersion("1.102.3");
    await untilKept();
  });

  test("what cuts pods off is named, and no more once he changes it", async () => {
    await cli("set", "--shields-up=true", "--stateful-filtering=true");
    await untilState("the words", () =>
      /--shields-up=false.*--stateful-filtering=false/.test(machine.lastWords()),
    );
    await cli("set", "--shields-up=false", "--stateful-filtering=false");
    await untilState("no words", () => machine.lastWords() === "");
  });

  test("nothing is edited before the guard holds, and it is asked again for other terms", async () => {
    machine.actor.stop();
    await machine.owner.undo(signal);
    machine.stop();
    machine = liveOwner(rig, 0);
    machine.guard.holds = false;
    await untilState("the guard is asked", () => machine.guard.asked > 0);
    await untilState("the tailnet", machine.isUp);
    expect(await preferences()).toEqual(before);
  });
});
