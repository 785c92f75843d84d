import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createNodeListFile } from "../../../src/adapters/state-files/node-list-file.ts";
import { createAllowlistHost } from "../../../src/adapters/wire/allowlist-host.ts";
import { allowlistTable } from "../../../src/domain/nftables/nft-allowlist-table.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const { signal } = new AbortController();
const running = {
  BackendState: "Running",
  Self: { ID: "1", HostName: "n1" },
  Peer: {
    "nodekey:a": { ID: "2", PrimaryRoutes: ["10.244.2.0/24"], TailscaleIPs: ["100.64.0.2"] },
    "nodekey:b": { ID: "9" },
  },
};

const netmap = {
  routes: { "2": ["10.244.2.0/24"], "9": [] },
  addresses: { "2": ["100.64.0.2"], "9": [] },
};

/** The host over a tailscaled that answers with `status` and says on its bus what the test says. */
async function started() {
  const folder = temporaryDirectory();
  const world = { status: running as object, buses: [] as ServerResponse[] };
  const server = createServer((request, response) => {
    if (request.url?.includes("watch-ipn-bus") === true) {
      response.writeHead(200).flushHeaders();
      world.buses.push(response);
    } else response.end(JSON.stringify(world.status));
  });
  const socket = join(folder, "tailscaled.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const list = join(folder, "state", "allowlist.json");
  const host = createAllowlistHost({ list, socket }, ({ prefixes }) =>
    allowlistTable({ supernets: ["10.244.0.0/16"], tunnel: "tailscale0" }, prefixes),
  );
  onTestFinished(() => {
    host.close();
    server.closeAllConnections();
    server.close();
  });
  return { host, world, list, socket };
}

test("what peers serve is read by stable ID, and nothing while tailscaled has no netmap", async () => {
  const { host, world } = await started();
  expect(await host.readNetmap(signal)).toEqual(netmap);
  world.status = { ...running, BackendState: "NoState", Peer: null };
  expect(await host.readNetmap(signal)).toBeNull();
  world.status = { ...running, BackendState: "Starting" };
  expect(await host.readNetmap(signal)).toEqual(netmap);
});

test("the bus tells whose routes changed, or that anything may have, and its end once", async () => {
  const { host, world } = await started();
  const heard: unknown[] = [];
  onTestFinished(
    host.followNetmap(
      (routes) => heard.push(routes),
      () => heard.push("closed"),
    ),
  );
  await until(() => world.buses.length === 1, "the bus is open");
  const [bus] = world.buses;
  for (const message of [
    { InitialStatus: running },
    { Health: {} },
    { PeersChanged: [{ StableID: "9", PrimaryRoutes: ["10.244.2.0/24"] }] },
    { PeersRemoved: [2] },
  ])
    bus?.write(`${JSON.stringify(message)}\n`);
  bus?.end();
  await until(() => heard.includes("closed"), "its end is told");
  expect(heard).toEqual(["unknown", { "9": ["10.244.2.0/24"] }, "unknown", "closed"]);
});

test("whoever follows the netmap anew ends the bus of before", async () => {
  const { host, world } = await started();
  const follow = () =>
    host.followNetmap(
      () => undefined,
      () => undefined,
    );
  follow();
  await until(() => world.buses.length === 1, "the first bus is open");
  onTestFinished(follow());
  await until(
    () => world.buses.length === 2 && world.buses[0]?.destroyed,
    "another is open, the first is not",
  );
});

test("the list is watched before there is any, and read as the daemon wrote it", async () => {
  const { host, list } = await started();
  let changes = 0;
  onTestFinished(
    host.watchList(() => {
      changes += 1;
    }),
  );
  expect(await host.readList()).toBeNull();
  await until(() => changes > 0, "it is told that there is none");
  const bindings = [{ prefix: "10.244.2.0/24", nodeId: "2", node: "n2", uid: "u2" }];
  await createNodeListFile(list).write(bindings, signal);
  await until(() => changes > 1, "the list is seen");
  expect(await host.readList()).toEqual(bindings);
});
