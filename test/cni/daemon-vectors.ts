import type { CallVector } from "./call-vector.ts";
import { v100, v110, vectorParts } from "./vector-parts.ts";

/** What the daemon answers, or fails to answer. */
export function daemonVectors(netns: string): readonly CallVector[] {
  const { result, done, add, del, check, gc, status, attachment, refusing } = vectorParts(netns);
  return [
    {
      title: "a refusal by the daemon is printed with the version of the call",
      env: add,
      stdin: v100,
      daemon: refusing,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["pool is full"] },
    },
    {
      title: "a DEL that the daemon refuses fails",
      env: del,
      stdin: v100,
      daemon: refusing,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["pool is full"] },
    },
    {
      title: "a reply that is not JSON is code 6",
      env: add,
      stdin: v100,
      daemon: { kind: "sends", bytes: "hello\n" },
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 6, cniVersion: "1.0.0", says: ["answer"] },
    },
    {
      title: "an ADD that succeeds without a result is code 6",
      env: add,
      stdin: v100,
      daemon: done,
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 6, cniVersion: "1.0.0", says: ["answer"] },
    },
    {
      title: "a daemon of another protocol version is code 1",
      env: add,
      stdin: v100,
      daemon: { kind: "sends", bytes: '{"wire":2,"ok":true}\n' },
      request: { ...attachment, command: "ADD", cniVersion: "1.0.0" },
      expected: { code: 1, cniVersion: "1.0.0", says: ["protocol version 2"] },
    },
    {
      title: "a CHECK that the daemon drops is code 11",
      env: check,
      stdin: { ...v110, prevResult: result },
      daemon: { kind: "closes" },
      request: { ...attachment, command: "CHECK", cniVersion: "1.1.0", prevResult: result },
      expected: { code: 11, cniVersion: "1.1.0", says: ["closed the connection"] },
    },
    {
      title: "a GC without a daemon is code 11",
      env: gc,
      stdin: { ...v110, "cni.dev/valid-attachments": [] },
      daemon: { kind: "away" },
      expected: { code: 11, cniVersion: "1.1.0", says: ["nothing listens", "cni.sock"] },
    },
    {
      title: "an ADD without a daemon is code 11 once its patience is over",
      env: add,
      stdin: v100,
      daemon: { kind: "away" },
      expected: { code: 11, cniVersion: "1.0.0", says: ["nothing listens", "cni.sock"] },
    },
    {
      title: "a DEL without a daemon succeeds and is on record",
      env: del,
      stdin: v100,
      daemon: { kind: "away" },
      spooled: true,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { stdout: "" },
    },
    {
      title: "a DEL that the daemon drops succeeds and is on record",
      env: del,
      stdin: v100,
      daemon: { kind: "closes" },
      spooled: true,
      request: { ...attachment, command: "DEL", cniVersion: "1.0.0" },
      expected: { stdout: "" },
    },
    {
      title: "STATUS without a daemon succeeds while its last sign of life is 50 s old",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: 50_000 },
      expected: { stdout: "" },
    },
    {
      title: "STATUS without a daemon is code 50 once its last sign of life is 61 s old",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: 61_000 },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
    {
      title: "STATUS without a daemon does not trust a sign of life from the future",
      env: status,
      stdin: v110,
      daemon: { kind: "away", servedMsAgo: -61_000 },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
    {
      title: "STATUS without a daemon that ever served is code 50",
      env: status,
      stdin: v110,
      daemon: { kind: "away" },
      expected: { code: 50, cniVersion: "1.1.0", says: ["nothing listens"] },
    },
  ];
}
