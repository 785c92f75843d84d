import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRequest } from "../../src/protocol/request-schema.ts";

const pod = { namespace: "default", name: "web", uid: "u-1" };
const add = {
  wire: 1,
  command: "ADD",
  cniVersion: "1.0.0",
  network: "headcni",
  containerId: "c1",
  netns: "/run/netns/pod",
  ifname: "eth0",
  pod,
};
const gc = { ...add, command: "GC", containerId: "", netns: "", ifname: "", validAttachments: [] };

describe("a request", () => {
  it.each([
    add,
    { ...add, command: "DEL", netns: "" },
    {
      ...add,
      command: "CHECK",
      prevResult: { cniVersion: "1.0.0", interfaces: [], ips: [], routes: [], dns: {} },
    },
    { ...gc, validAttachments: [{ containerId: "c1", ifname: "eth0" }] },
    { ...add, command: "STATUS", containerId: "", netns: "", ifname: "" },
  ])("$command comes out as it went in", (request) => {
    expect(parseRequest(request)).toEqual({ ok: true, value: request });
  });

  it("of a newer stub keeps what this daemon knows", () => {
    expect(parseRequest({ ...add, novelty: 1 })).toEqual({ ok: true, value: add });
  });

  it.each([
    { wrong: { wire: 2 }, code: 1, says: ["wire", "2", "1"] },
    { wrong: { cniVersion: "0.4.0" }, code: 1, says: ["cniVersion", '"0.4.0"', '"1.0.0" or "1.1.0"'] },
    { wrong: { command: "FROB" }, code: 4, says: ["command", '"FROB"', "ADD, DEL, CHECK, GC, STATUS"] },
    { wrong: { containerId: "../c" }, code: 4, says: ["containerId", '"../c"', "letter or digit"] },
    { wrong: { netns: "" }, code: 4, says: ["netns", '""', "absolute path"] },
    { wrong: { ifname: "sixteen-bytes-16" }, code: 4, says: ["ifname", "16 bytes", "at most 15"] },
    { wrong: { network: 7 }, code: 7, says: ["network", "7", "string"] },
    { wrong: { command: "CHECK" }, code: 7, says: ["prevResult", "nothing", "object"] },
    { wrong: { command: "GC" }, code: 7, says: ["validAttachments", "nothing", "array"] },
    { wrong: { pod: undefined }, code: 6, says: ["pod", "nothing", "object"] },
    { wrong: { pod: { ...pod, uid: [] } }, code: 6, says: ["pod.uid", "a list", "string"] },
  ])("with $wrong is code $code and says what is wrong where", ({ wrong, code, says }) => {
    const outcome = parseRequest({ ...add, ...wrong });
    expect(outcome).toMatchObject({ ok: false, failure: { code, details: expect.stringMatching(/./) } });
    if (!outcome.ok) for (const words of says) expect(outcome.failure.msg).toContain(words);
  });

  it("is parsed from anything without throwing, into a request or a code", () => {
    const nearly = fc
      .tuple(fc.constantFrom(add, gc), fc.constantFrom(...Object.keys(gc)), fc.anything())
      .map(([base, key, value]) => ({ ...base, [key]: value }));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), nearly), (frame) => {
        const outcome = parseRequest(frame);
        if (!outcome.ok) expect([1, 4, 6, 7]).toContain(outcome.failure.code);
      }),
      { numRuns: 1_000 },
    );
  });
});
