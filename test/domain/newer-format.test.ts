import { describe, expect, test } from "vitest";
import type { KernelLink } from "../../src/domain/kernel/kernel-state.ts";
import { explainNewer, newerAliases, newerFiles } from "../../src/domain/newer-format.ts";
import { link } from "../cli/doctor/judge/sample-facts.ts";

const pods = 0x4843;
const leaving = 0x4844;
const podLink = (alias: string, changes: Partial<KernelLink> = {}) =>
  link(7, "hc0123456789", { alias, group: pods, kind: "veth", ...changes });
const thisRelease = "headcni1 ready headcni c eth0 - 1 10.0.0.2 0";

describe("links of pods", () => {
  test.each([
    ["of the next version", "headcni2 ready headcni c eth0 - 1 10.0.0.2 0", 2],
    ["of a version with other fields", "headcni12 whatever comes", 12],
  ])("%s are found", (_, alias, version) => {
    for (const group of [pods, leaving])
      expect(newerAliases([podLink(thisRelease), podLink(alias, { group })])).toEqual([
        {
          subject: "the alias of the link hc0123456789",
          version,
          known: 1,
          removal: `ip link delete group ${group}`,
        },
      ]);
  });

  test.each([
    ["this release wrote", podLink(thisRelease)],
    ["are half made", podLink("headcni1 pending headcni c eth0 - 1 10.0.0.2 0")],
    ["say nothing", podLink("")],
    ["somebody else named", podLink("headcni2")],
    ["have a cut alias of ours", podLink("headcni1 ready headcni")],
    ["are no pod's, whatever their alias", podLink("headcni2 ready headcni c eth0", { group: 0 })],
  ])("that %s are left to recovery", (_, one) => {
    expect(newerAliases([one])).toEqual([]);
  });
});

describe("files of the state directory", () => {
  const file = (text: string) => newerFiles([{ path: "/var/lib/headcni/x.json", text }]);

  test("of a later version are found", () => {
    expect(file('{"version":2,"nodes":[]}')).toEqual([
      {
        subject: "the file /var/lib/headcni/x.json",
        version: 2,
        known: 1,
        removal: "rm /var/lib/headcni/x.json",
      },
    ]);
  });

  test.each(['{"version":1}', "{}", '{"version":"v2"}', "[2]", "null", "", "no JSON"])(
    "%s is no later one",
    (text) => {
      expect(file(text)).toEqual([]);
    },
  );
});

test("what was found is told with its version, the one known and both ways out", () => {
  const links = newerAliases([podLink("headcni2 x"), podLink("headcni2 y", { name: "hc9" })]);
  const files = newerFiles([{ path: "/var/lib/headcni/x.json", text: '{"version":3}' }]);
  expect(explainNewer([...links, ...files])).toEqual({
    found:
      "the alias of the link hc0123456789 is of version 2 (and 2 more), and this release knows versions up to 1: a later release ran on " +
      "this node",
    todo:
      "Install that release again; or drain the node, remove what is left of it " +
      "(ip link delete group 18499; rm /var/lib/headcni/x.json), and start this one",
  });
  expect(explainNewer([])).toBeUndefined();
});
