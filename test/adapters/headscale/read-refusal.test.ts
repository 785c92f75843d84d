import { expect, test } from "vitest";
import { readRefusal } from "../../../src/adapters/headscale/read-refusal.ts";

const gateway = (code: number, message: string) => JSON.stringify({ code, message, details: [] });
const problem = (status: number, detail: string) => JSON.stringify({ title: "Problem", status, detail });

test.each([
  ["a bad key (0.29 answers in plain text)", 401, "Unauthorized", { code: "UNAUTHORIZED" }],
  ["a bad key (0.30)", 401, problem(401, "invalid token"), { code: "UNAUTHORIZED" }],
  [
    "0.29's 500 for an unknown user",
    500,
    gateway(2, "user not found"),
    { code: "REJECTED", status: 500, text: "user not found" },
  ],
  [
    "0.29's 500 for a duplicate user",
    500,
    gateway(13, "failed to create user"),
    { code: "REJECTED", status: 500, text: "failed to create user" },
  ],
  [
    "0.29's 404",
    404,
    gateway(5, "node not found"),
    { code: "NOT_FOUND", status: 404, text: "node not found" },
  ],
  [
    "0.29 unavailable behind its gateway",
    500,
    gateway(14, "connection refused"),
    { code: "UNAVAILABLE", status: 500 },
  ],
  [
    "0.30's 404",
    404,
    problem(404, "node not found"),
    { code: "NOT_FOUND", status: 404, text: "node not found" },
  ],
  [
    "0.30's 422",
    422,
    problem(422, "unexpected property"),
    { code: "REJECTED", status: 422, text: "unexpected property" },
  ],
  ["0.30's 500", 500, problem(500, "database is locked"), { code: "UNAVAILABLE", status: 500 }],
  ["a proxy's 502", 502, "<html>Bad Gateway</html>", { code: "UNAVAILABLE", status: 502 }],
  ["a proxy's 500", 500, "<html>Oops</html>", { code: "UNAVAILABLE", status: 500 }],
] as const)("%s", (_, status, body, failure) => {
  expect(readRefusal(status, body)).toEqual(failure);
});
