import { expect, test } from "vitest";
import type { ApiCall } from "../../../src/adapters/kubernetes/api-transport.ts";
import { KubernetesRequestError } from "../../../src/adapters/kubernetes/kubernetes-error.ts";
import type { KubernetesFailure } from "../../../src/ports/kubernetes.ts";
import { persistentCalls } from "../../../src/programs/clean-nodes/persistent-calls.ts";

const unreachable: KubernetesFailure = { code: "UNREACHABLE", reason: "ECONNRESET" };
const exists: KubernetesFailure = { code: "REJECTED", status: 409, reason: "AlreadyExists", text: "" };
const forbidden: KubernetesFailure = { code: "FORBIDDEN", text: "" };
const { signal } = new AbortController();

/** Answers in this order; the last one again and again. */
async function asked(
  method: ApiCall["method"],
  answers: readonly (KubernetesFailure | "ok")[],
  patienceMs = 10_000,
) {
  let calls = 0;
  const { call } = persistentCalls(
    {
      call: async () => {
        const answer = answers[Math.min(calls, answers.length - 1)] ?? "ok";
        calls += 1;
        if (answer === "ok") return "ok";
        throw new KubernetesRequestError(answer.code, answer);
      },
    },
    { everyMs: 1, patienceMs },
  );
  const answer = await call({ method, path: "/api" }, signal).catch(
    (error: KubernetesRequestError) => error.detail,
  );
  return { answer, calls };
}

test("a call is made again until the API server is reached", async () => {
  expect(await asked("GET", [unreachable, unreachable, "ok"])).toEqual({ answer: "ok", calls: 3 });
});

test("what an earlier try made counts as made; what was there before does not", async () => {
  expect(await asked("POST", [unreachable, exists])).toEqual({ answer: undefined, calls: 2 });
  expect(await asked("POST", [exists])).toEqual({ answer: exists, calls: 1 });
});

test("what the API server refuses is not asked again", async () => {
  expect(await asked("GET", [forbidden])).toEqual({ answer: forbidden, calls: 1 });
});

test("after a while the call fails for what kept it", async () => {
  expect((await asked("GET", [unreachable], 0)).answer).toEqual(unreachable);
});
