import { expect } from "vitest";
import type { CniRequest } from "../../src/protocol/cni-protocol.ts";
import type { CallVector } from "./call-vector.ts";

/** What one run of the stub's core left behind, in QuickJS or in Node. */
export interface Observed {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly requests: readonly CniRequest[];
  readonly connections: number;
  /** Names and contents of the spool directory. */
  readonly spool: ReadonlyMap<string, string>;
}

/** The vector's stdin as text. */
export function stdinOf(vector: CallVector, socketPath: string): string {
  return typeof vector.stdin === "string" ? vector.stdin : JSON.stringify({ ...vector.stdin, socketPath });
}

/** Fails unless the run is what the vector says; an error must be a whole CNI error object. */
export function expectVector(vector: CallVector, observed: Observed): void {
  const { expected, request } = vector;
  expect(observed.stderr).toBe("");
  if ("code" in expected) {
    const error = JSON.parse(observed.stdout);
    expect(error).toEqual({
      cniVersion: expected.cniVersion,
      code: expected.code,
      msg: expect.any(String),
      details: expect.stringMatching(/./),
    });
    for (const words of expected.says) expect(error.msg).toContain(words);
    expect(observed.exitCode).toBe(1);
  } else {
    expect(observed.stdout === "" ? "" : JSON.parse(observed.stdout)).toEqual(expected.stdout);
    expect(observed.exitCode).toBe(0);
  }
  for (const asked of observed.requests) expect(asked).toEqual(request);
  if (vector.daemon === undefined) expect(observed.connections).toBe(0);
  else if (vector.daemon.kind !== "away") expect(observed.connections).toBeGreaterThan(0);
  expect(observed.requests.length > 0).toBe(request !== undefined && vector.daemon?.kind !== "away");
  expect([...observed.spool.values()].map((content) => JSON.parse(content))).toEqual(
    vector.spooled ? [request] : [],
  );
}
