import { expect, test } from "vitest";
import { readRefusal } from "../../../src/adapters/headscale/read-refusal.ts";

const gateway = (code: number, message: string) => JSON.stringify({ code, message, details: [] });
const problem = (status: number, detail: string) => JSON.stringify({ title: "Problem", status, detail });

test.each([
  ["a bad key (0.29 answers in plain text)", 401, "Unauthorized", { code: "UNAUTHORIZED" }],
  ["a key without the scope (0.30)", 403, problem(403, "missing scope"), { code: "FORBIDDEN" }],
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
  ["0.29's 500 after its own deadline", 500, gateway(4, "deadline"), { code: "UNAVAILABLE", status: 500 }],
  ["0.29's 500 when overwhelmed", 500, gateway(8, "exhausted"), { code: "UNAVAILABLE", status: 500 }],
  [
    "0.29's 500 for what is not there",
    500,
    gateway(5, "no node"),
    { code: "NOT_FOUND", status: 500, text: "no node" },
  ],
  ["too many requests", 429, problem(429, "slow down"), { code: "UNAVAILABLE", status: 429 }],
  ["a proxy's 404", 404, " not here \n", { code: "NOT_FOUND", status: 404, text: "not here" }],
  [
    "0.30's problem with a title alone",
    400,
    JSON.stringify({ title: "Bad Request" }),
    { code: "REJECTED", status: 400, text: "Bad Request" },
  ],
  ["JSON without words", 400, "{}", { code: "REJECTED", status: 400, text: "{}" }],
  ["a long refusal", 400, "x".repeat(400), { code: "REJECTED", status: 400, text: "x".repeat(300) }],
  [
    "a long refusal of 0.29",
    400,
    gateway(3, "y".repeat(400)),
    { code: "REJECTED", status: 400, text: "y".repeat(300) },
  ],
] as const)("%s", (_, status, body, failure) => {
  expect(readRefusal(status, body)).toEqual(failure);
});
