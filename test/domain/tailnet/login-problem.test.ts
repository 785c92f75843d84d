import { expect, test } from "vitest";
import { loginProblem } from "../../../src/domain/tailnet/login-problem.ts";

test("a first login that takes its time is no problem", () => {
  expect(loginProblem({ forgotten: false, refusal: "" }, "credentials")).toBe("");
});

test.each([
  {
    what: "a first login that is refused",
    wanted: { forgotten: false, refusal: "authkey expired" },
    source: "credentials" as const,
    says: [
      /^Headscale refuses this node's login \(authkey expired\): put a new pre-auth key where headscale\.authKeyFile/,
    ],
  },
  {
    what: "a node that Headscale forgot, before its login is answered",
    wanted: { forgotten: true, refusal: "" },
    source: "credentials" as const,
    says: [
      /no longer knows this node/,
      /its database is lost/,
      /running pods talk/,
      /headscale\.authKeyFile/,
    ],
  },
  {
    what: "a node that Headscale forgot and does not take back",
    wanted: { forgotten: true, refusal: "invalid pre auth key" },
    source: "credentials" as const,
    says: [
      /no longer knows this node/,
      /refuses another login \(invalid pre auth key\): put a new pre-auth key/,
    ],
  },
  {
    what: "one whose keys Headscale's API makes",
    wanted: { forgotten: true, refusal: "" },
    source: "headscale" as const,
    says: [/headscale\.apiKeyFile/],
  },
  {
    what: "one whose owner logs it in",
    wanted: { forgotten: true, refusal: "" },
    source: "owner" as const,
    says: [/no longer knows this node.*; log it in again: `tailscale up --force-reauth`$/],
  },
])("the cause and what to do: $what", ({ wanted, source, says }) => {
  for (const part of says) expect(loginProblem(wanted, source)).toMatch(part);
});
