import { expect, test } from "vitest";
import { readStatus } from "../../../src/adapters/tailscale/read-status.ts";

const status = {
  Version: "1.102.3",
  BackendState: "Running",
  HaveNodeKey: true,
  AuthURL: "",
  Self: {
    ID: "7",
    HostName: "n1",
    Online: true,
    TailscaleIPs: ["100.64.0.7"],
    PrimaryRoutes: ["10.244.1.0/24"],
    Relay: "lab",
  },
  Peer: {
    "nodekey:b": { ID: "10", HostName: "n3", TailscaleIPs: null, Online: false },
    "nodekey:a": {
      ID: "9",
      HostName: "n2",
      TailscaleIPs: ["100.64.0.9"],
      PrimaryRoutes: ["10.244.2.0/24"],
      Online: true,
      CurAddr: "10.99.0.12:41642",
      SomethingNew: { nested: true },
    },
  },
};

test("a peer without a name has that of its node id: a conflict is known by its culprit's name", () => {
  const nameless = { ...status, Peer: { key: { ID: "9", HostName: "" } } };
  expect(readStatus(JSON.stringify(nameless)).status.peers).toMatchObject([{ hostName: "node 9" }]);
});

test("keeps what is ours of a status, with peers in the order of their ids", () => {
  expect(readStatus(JSON.stringify(status))).toEqual({
    haveNodeKey: true,
    status: {
      backendState: "Running",
      loginWanted: false,
      self: {
        nodeId: "7",
        hostName: "n1",
        online: true,
        addresses: ["100.64.0.7"],
        primaryRoutes: ["10.244.1.0/24"],
      },
      peers: [
        {
          nodeId: "9",
          hostName: "n2",
          online: true,
          addresses: ["100.64.0.9"],
          primaryRoutes: ["10.244.2.0/24"],
          currentAddress: "10.99.0.12:41642",
          relay: "",
        },
        {
          nodeId: "10",
          hostName: "n3",
          online: false,
          addresses: [],
          primaryRoutes: [],
          currentAddress: "",
          relay: "",
        },
      ],
    },
  });
});

test("a fresh tailscaled has neither key nor peers", () => {
  const fresh = readStatus('{"BackendState":"NoState","Self":{"ID":""},"Peer":null}');
  expect(fresh).toMatchObject({ haveNodeKey: false, status: { backendState: "NoState", peers: [] } });
});

test("an address to log in at means that Headscale wants a login", () => {
  const answer = JSON.stringify({ ...status, AuthURL: "http://10.99.0.1:8080/register/x" });
  expect(readStatus(answer).status.loginWanted).toBe(true);
});

test.each([
  ["no JSON", "<html>"],
  ["a state it does not know", '{"BackendState":"Asleep"}'],
  ["a list where a text belongs", '{"BackendState":"Running","Self":{"ID":["7"]}}'],
])("%s is refused with its path", (_, answer) => {
  expect(() => readStatus(answer)).toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ code: "UNREADABLE", path: "status" }) }),
  );
});
