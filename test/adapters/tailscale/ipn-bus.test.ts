import fc from "fast-check";
import { expect, test } from "vitest";
import { lineSplitter, readBusLine, readNetmapHint } from "../../../src/adapters/tailscale/ipn-bus.ts";

test("lines come out whole wherever the chunks break", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string().filter((text) => !text.includes("\n"))),
      fc.array(fc.nat(200)),
      (lines, cuts) => {
        const text = lines.map((line) => `${line}\n`).join("");
        const got: string[] = [];
        const split = lineSplitter((line) => got.push(line));
        const points = [
          0,
          ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b),
          text.length,
        ];
        for (const [index, from] of points.entries()) split(text.slice(from, points[index + 1] ?? from));
        expect(got).toEqual(lines.filter((line) => line !== ""));
      },
    ),
  );
});

test.each([
  [
    "a failed login",
    '{"ErrMessage":"authkey expired"}',
    { errorText: "authkey expired", loginDone: false, prefs: false },
  ],
  ["a finished login", '{"LoginFinished":{}}', { loginDone: true, prefs: false }],
  ["running", '{"State":6}', { loginDone: true, prefs: false }],
  ["preferences", '{"State":2,"Prefs":{"RouteAll":true}}', { loginDone: false, prefs: true }],
  [
    "keys of changed peers",
    '{"PeersChanged":[{"ID":8,"StableID":"8","DiscoKey":"discokey:a"},{"StableID":"9"}]}',
    { loginDone: false, prefs: false, discoKeys: { "8": "discokey:a", "9": "" } },
  ],
  ["anything else", '{"Version":"1.102.3","PeersChanged":[]}', { loginDone: false, prefs: false }],
])("reads %s", (_, line, message) => {
  expect(readBusLine(line)).toEqual(message);
});

test.each([
  ["the first message", '{"Version":"1.102.3","InitialStatus":{"BackendState":"Running"}}', "unknown"],
  ["another state", '{"State":6}', "unknown"],
  ["peers that left", '{"PeersRemoved":[8]}', "unknown"],
  ["a whole netmap", '{"SelfChange":{"ID":1},"PeersChanged":[{"StableID":"8"}]}', "unknown"],
  [
    "peers that changed",
    '{"PeersChanged":[{"ID":8,"StableID":"8","PrimaryRoutes":["10.244.2.0/24"]},{"StableID":"9"}]}',
    { "8": ["10.244.2.0/24"], "9": [] },
  ],
  ["what is no message", "{", "unknown"],
  ["what tells nothing of peers", '{"Prefs":{"RouteAll":true},"PeersChanged":null}', undefined],
])("of served routes %s tells what it can", (_, line, hint) => {
  expect(readNetmapHint(line)).toEqual(hint);
});

test("garbage is no message and no crash", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      const message = readBusLine(line);
      expect(message === undefined || typeof message.loginDone === "boolean").toBe(true);
    }),
  );
});
