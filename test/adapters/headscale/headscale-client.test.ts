import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHeadscale } from "../../../src/adapters/headscale/headscale-client.ts";
import type { HeadscaleFailure } from "../../../src/ports/headscale.ts";
import { headscale as commandLine } from "../../lab/tailnet/headscale.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { startTailnetRig, type TailnetRig } from "../tailscale/tailnet-rig.ts";

const { signal } = new AbortController();
let rig: TailnetRig;
let client: ReturnType<TailnetRig["headscale"]>;
let nodeId: string;

beforeAll(async () => {
  rig = await startTailnetRig({ nodes: 1, approval: "api" });
  client = rig.headscale();
  const tailnet = rig.tailnet(0);
  await waitUntil(() => tailnet.findProcess(), { what: "tailscaled", timeoutMs: 20_000 });
  const [authKey] = [await client.createAuthKey(["tag:k8s-node"], signal)];
  const advertiseRoutes = [rig.node(0).podCIDR];
  await tailnet.login({ controlUrl: rig.headscaleUrl, authKey, hostname: "n1", advertiseRoutes }, signal);
  nodeId = await waitUntil(async () => (await tailnet.status(signal)).self.nodeId || undefined, {
    what: "the node's id",
    timeoutMs: 10_000,
  });
}, 120_000);
afterAll(() => rig.end(), 60_000);

const fails = (failure: Partial<HeadscaleFailure>) =>
  expect.objectContaining({ detail: expect.objectContaining(failure) });

describe("the Headscale client, against Headscale", () => {
  test("finds it healthy without a key, and proves a key", async () => {
    await client.probe(signal);
    await client.authenticate(signal);
  });

  test("tells a wrong key from an absent server and from an absent key", async () => {
    await expect(rig.headscale("hskey-api-wrong").authenticate(signal)).rejects.toEqual(
      fails({ code: "UNAUTHORIZED" }),
    );
    const nobody = createHeadscale({ url: "http://127.0.0.1:1", readApiKey: () => ({ key: "x" }) });
    await expect(nobody.probe(signal)).rejects.toEqual(
      fails({ code: "UNREACHABLE", reason: "ECONNREFUSED" }),
    );
    const keyless = createHeadscale({ url: "http://127.0.0.1:1", readApiKey: () => ({ fault: "ENOENT" }) });
    await expect(keyless.authenticate(signal)).rejects.toEqual(
      fails({ code: "CREDENTIALS_MISSING", text: "ENOENT" }),
    );
    await Promise.all([nobody.close(), keyless.close()]);
  });

  test("takes a replaced key at its next call", async () => {
    const current = { key: "hskey-api-wrong" };
    const replaced = rig.headscaleWith(() => current);
    await expect(replaced.authenticate(signal)).rejects.toEqual(fails({ code: "UNAUTHORIZED" }));
    current.key = (await commandLine(rig.lab, ["apikeys", "create", "--expiration", "1h"])).trim();
    await replaced.authenticate(signal);
  });

  test("a made key registers a node, whose route is announced but not approved", async () => {
    const [node] = await client.listNodes(signal);
    expect(node).toEqual({
      id: nodeId,
      name: "n1",
      online: true,
      availableRoutes: [rig.node(0).podCIDR],
      approvedRoutes: [],
      servingRoutes: [],
    });
  });

  test("approves beside what others approved, and serves", async () => {
    await commandLine(rig.lab, ["nodes", "approve-routes", "-i", nodeId, "-r", "192.168.77.0/24"]);
    const first = await client.approveRoutes(nodeId, [rig.node(0).podCIDR], signal);
    const again = await client.approveRoutes(nodeId, [rig.node(0).podCIDR], signal);
    for (const node of [first, again]) {
      expect([...node.approvedRoutes].sort()).toEqual([rig.node(0).podCIDR, "192.168.77.0/24"]);
      expect(node.servingRoutes).toEqual([rig.node(0).podCIDR]);
    }
  });

  test("says what Headscale rejects", async () => {
    await expect(client.approveRoutes("999", ["10.244.9.0/24"], signal)).rejects.toEqual(
      fails({ code: "NOT_FOUND" }),
    );
    await expect(client.approveRoutes(nodeId, ["no prefix"], signal)).rejects.toEqual(
      fails({ code: "REJECTED" }),
    );
    await expect(client.createAuthKey(["not a tag"], signal)).rejects.toEqual(fails({ code: "REJECTED" }));
  });

  test("clears the place of a node that left, and of no other", async () => {
    await commandLine(rig.lab, ["users", "create", "left"]);
    const gone = ["10.244.40.0/24"];
    for (const [name, route] of [
      ["left", "10.244.40.0/24"],
      ["left", "10.244.41.0/24"],
      ["stays", "10.244.40.0/24"],
    ] as const) {
      const before = (await client.listNodes(signal)).map(({ id }) => id);
      const authId = `hskey-authreq-${randomBytes(12).toString("hex")}`;
      await commandLine(rig.lab, ["debug", "create-node", "--user", "left", "--name", name, "--key", authId]);
      await commandLine(rig.lab, ["auth", "register", "--auth-id", authId, "--user", "left"]);
      const made = (await client.listNodes(signal)).find(({ id }) => !before.includes(id));
      await client.approveRoutes(made?.id ?? "", [route], signal);
    }
    expect(await client.removeNode("left", gone, signal)).toBe(1);
    expect(await client.removeNode("left", gone, signal)).toBe(0);
    const names = (await client.listNodes(signal)).map(({ name }) => name).sort();
    expect(names).toEqual(["left", "n1", "stays"]);
  });

  test("an aborted call ends at once", async () => {
    await expect(client.probe(AbortSignal.abort())).rejects.toEqual(fails({ code: "UNREACHABLE" }));
  });
});
