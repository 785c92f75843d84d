import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { knownSecrets, withoutKnownSecrets } from "../../src/cli/diagnostics/known-secrets.ts";
import { createSecret } from "../../src/config/secret.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function file(name: string, content: string): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content);
  return path;
}

/** Secrets where a node has them, each with a mark. */
function plantedSecrets(): readonly string[] {
  const values = new Map<string, unknown>([
    ["headscale.authKey", createSecret("INLINEMARKED-1")],
    ["headscale.authKeyFile", file("auth", "FILEMARKED-2\n")],
    ["headscale.apiKeyFile", file("api", "APIMARKED-3\n")],
    ["tailscale.environment", { TS_ANYTHING: 'VARIABLE"MARKED-4' }],
    [
      "kubernetes.kubeconfig",
      file(
        "kubeconfig",
        'users:\n- user: {token: TOKENMARKED-5}\n- user:\n    client-key-data: "S0VZTUFSS0VELTY="\n',
      ),
    ],
  ]);
  return knownSecrets(
    { get: (path) => values.get(path) },
    { HEADCNI_HEADSCALE_API_KEY: "ENVMARKED-7", HOME: "/root" },
  );
}

test.each([
  "INLINEMARKED-1",
  "FILEMARKED-2",
  "APIMARKED-3",
  'VARIABLE"MARKED-4',
  "TOKENMARKED-5",
  "S0VZTUFSS0VELTY=",
  "ENVMARKED-7",
])("%s is removed as it is, as JSON, as base64 and as part of a URL", (secret) => {
  const secrets = plantedSecrets();
  const forms = [
    secret,
    JSON.stringify({ secret }),
    Buffer.from(secret).toString("base64"),
    `https://x/?k=${encodeURIComponent(secret)}`,
  ];
  for (const form of forms) expect(withoutKnownSecrets(`a ${form} b`, secrets)).not.toContain("MARKED");
  expect(withoutKnownSecrets(Buffer.from(secret).toString("base64"), secrets)).toBe("[redacted]");
});

test.each([
  ["a PEM key", "-----BEGIN EC PRIVATE KEY-----\nMARKED\n-----END EC PRIVATE KEY-----"],
  ["a JSON web token", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJNQVJLRUQifQ.MARKEDsignature"],
  ["a password in a URL", "https://user:MARKED@headscale.example.org/path"],
  ["a key of Headscale", "hskey-auth-abc-MARKED"],
  ["a key of Tailscale", "tskey-auth-MARKED"],
  ["a private key of tailscaled", "privkey:MARKED"],
  ["a header", "Authorization: Bearer MARKED"],
  ["a login page", '"AuthURL": "https://headscale/register/MARKED"'],
])("%s is known by its shape", (_, text) => {
  const safe = withoutKnownSecrets(`before ${text} after`, []);
  expect(safe).not.toContain("MARKED");
  expect(safe).toMatch(/^before .*after$/s);
});

test("paths, names and numbers stay", () => {
  const text = '{"path": "/root/x", "port": 41642, "state": "attached", "msg": "auth key read from /etc/k"}';
  expect(withoutKnownSecrets(text, plantedSecrets())).toBe(text);
});
