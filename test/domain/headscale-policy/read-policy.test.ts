import { expect, test } from "vitest";
import { PolicyTextError } from "../../../src/domain/headscale-policy/policy-text-error.ts";
import { readPolicy } from "../../../src/domain/headscale-policy/read-policy.ts";

function refusal(text: string): string {
  try {
    readPolicy(text);
    return "";
  } catch (error) {
    if (!(error instanceof PolicyTextError)) throw error;
    return `${error.detail.code} ${error.message}`;
  }
}

test.each([
  ["grants: []", 'NO_HUJSON line 1, column 1: finds "g" out of place'],
  ['{\n  "grants": [}\n', 'NO_HUJSON line 2, column 14: finds "}" out of place'],
  ['{"grants": []', "NO_HUJSON line 1, column 14: finds the end of the text too early"],
  ...["[", '{"acls":', '{"acls": [1, ', '{"acls": [ /* x ', '{"acls": [ // x'].map((text) => [
    text,
    `NO_HUJSON line 1, column ${text.trimEnd().length + 1}: finds the end of the text too early`,
  ]),
  ['{"acls": []}}', 'NO_HUJSON line 1, column 13: finds "}" out of place'],
  ["{} x", 'NO_HUJSON line 1, column 4: finds "x" out of place'],
  ["", "NO_HUJSON line 1, column 1: finds the end of the text too early"],
  ['{\r\n "acls": [],\r\n "acls": []}', 'NO_HUJSON line 3, column 2: finds "acls" a second time'],
  ['{"a": "\t"}', "NO_HUJSON line 1, column 7: finds a control character in a text"],
  ["[".repeat(100_000), "NO_HUJSON line 1, column 1: finds more than 100 levels of brackets"],
  [
    `${"[".repeat(200)}${"]".repeat(200)}`,
    "NO_HUJSON line 1, column 101: finds more than 100 levels of brackets",
  ],
  ["[]", "NO_POLICY line 1, column 1: finds no object for a policy"],
  [
    '// A kubeconfig.\n{"apiVersion": "v1"}',
    "NO_POLICY line 2, column 1: finds no part of a policy, such as tagOwners, autoApprovers or grants",
  ],
  ['{"grants": {}}', "NO_POLICY line 1, column 12: finds no list for grants"],
  ['{"tagOwners": {"tag:a": "b"}}', 'NO_POLICY line 1, column 25: finds no list for tagOwners["tag:a"]'],
  [
    '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["http"]}]}',
    'NO_POLICY line 1, column 49: finds "http", no ports such as "*", "443" or "tcp:443"',
  ],
  [
    '{"acls": [{"action": "accept", "src": ["*"], "dst": ["10.0.0.1"]}]}',
    'NO_POLICY line 1, column 54: finds "10.0.0.1", no destination with ports such as "10.244.0.0/16:*"',
  ],
  ['{"acls": [{"action": "drop"}]}', 'NO_POLICY line 1, column 22: finds an action other than "accept"'],
])("%j is refused with its place", (text, message) => {
  expect(refusal(text)).toBe(message);
});

test("ports stand by protocol, as rules have them", () => {
  const { rules } = readPolicy(`{
    "acls": [
      {"action": "accept", "src": ["a@"], "dst": ["[fd00::1]:80,443", "tag:x:1-3"], "proto": "6"},
    ],
    "grants": [{"src": [" * "], "dst": ["*"], "ip": ["udp:53", "*"]}],
  }`);
  const port = (protocol: string, first: number, last = first) => ({ protocol, first, last });
  expect(rules).toMatchObject([
    {
      sources: [{ text: "a@", at: { line: 3, column: 36 } }],
      targets: [
        { text: "fd00::1", ports: [port("tcp", 80), port("tcp", 443)] },
        { text: "tag:x", ports: [port("tcp", 1, 3)] },
      ],
    },
    { sources: [{ text: "*" }], targets: [{ ports: [port("udp", 53), port("*", 0, 65_535)] }] },
  ]);
});
