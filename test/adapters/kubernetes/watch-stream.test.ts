import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNewsGatherer } from "../../../src/adapters/kubernetes/gather-news.ts";
import { createLineDecoder } from "../../../src/adapters/kubernetes/line-decoder.ts";
import { trim } from "../../../src/adapters/kubernetes/trim-objects.ts";
import { readWatchLine } from "../../../src/adapters/kubernetes/watch-events.ts";
import type { WatchNews } from "../../../src/domain/kubernetes/kubernetes-watch.ts";

interface Step {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "END";
  readonly node: number;
}

const node = (index: number, version: number) => ({
  metadata: { name: `n${index} ü`, uid: `u${index}`, resourceVersion: String(version) },
  spec: { podCIDRs: [`10.244.${version % 256}.0/24`] },
  status: { images: ["large"] },
});

/** The bytes of a watch: one line per step; versions count from 1. */
function bytesOf(steps: readonly Step[]): Buffer {
  const lines = steps.map(({ type, node: index }, at) => {
    const bookmark = { metadata: { resourceVersion: String(at + 1) } };
    if (type === "BOOKMARK") return { type, object: bookmark };
    if (type === "END")
      return {
        type: "BOOKMARK",
        object: {
          metadata: { ...bookmark.metadata, annotations: { "k8s.io/initial-events-end": "true" } },
        },
      };
    return { type, object: node(index, at + 1) };
  });
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

/** Runs chunks through decoder, reader and gatherer as a watch does. */
function newsOf(chunks: readonly Buffer[], beginsWithList: boolean): readonly WatchNews[] {
  const lines = createLineDecoder();
  const gather = createNewsGatherer("nodes", beginsWithList, trim.nodes);
  return chunks.flatMap((chunk) => gather(lines.push(chunk).map(readWatchLine)));
}

/** The objects that somebody has who heard all of it. */
function stateOf(news: readonly WatchNews[]): Readonly<Record<string, string>> {
  const state = new Map<string, string>();
  for (const item of news) {
    if (item.type === "watch.opened" || item.source !== "nodes") continue;
    if (item.type === "watch.listed") state.clear();
    const puts =
      item.type === "watch.listed" ? item.items.map((node) => ({ kind: "put", item: node })) : item.changes;
    for (const { kind, item: node } of puts) {
      if (kind === "put") state.set(node.name, node.podCidrs.join());
      else state.delete(node.name);
    }
  }
  return Object.fromEntries(state);
}

function wantedState(steps: readonly Step[]): Readonly<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const [at, { type, node: index }] of steps.entries()) {
    if (type === "ADDED" || type === "MODIFIED") state[`n${index} ü`] = `10.244.${(at + 1) % 256}.0/24`;
    if (type === "DELETED") delete state[`n${index} ü`];
  }
  return state;
}

const change = fc.record({
  type: fc.constantFrom<Step["type"]>("ADDED", "MODIFIED", "DELETED", "BOOKMARK"),
  node: fc.nat(5),
});
const end: Step = { type: "END", node: 0 };

describe("the stream of a watch", () => {
  it("tells the same whatever its chunks are: the list once, then every change, and where to go on", () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(change), fc.array(fc.nat()), (before, after, places) => {
        const steps = [...before, end, ...after];
        const news = newsOf(cut(bytesOf(steps), places), true);
        expect(news.filter(({ type }) => type === "watch.listed")).toHaveLength(1);
        expect(news[0]?.type).toBe("watch.listed");
        expect(stateOf(news)).toEqual(wantedState(steps));
        const last = news.at(-1);
        expect(last !== undefined && "cursor" in last ? last.cursor : "").toBe(String(steps.length));
      }),
    );
  });

  it("tells nothing of a list that is not complete, nor of a line that has no end", () => {
    fc.assert(
      fc.property(fc.array(change), fc.array(fc.nat()), (steps, places) => {
        expect(newsOf(cut(bytesOf(steps), places), true)).toEqual([]);
      }),
    );
    expect(newsOf([Buffer.from(bytesOf([{ type: "ADDED", node: 1 }]).subarray(0, -1))], false)).toEqual([]);
  });

  it("never fails but with a KubernetesError, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.json())), (lines) => {
        try {
          newsOf([Buffer.from(lines.map((line) => `${line}\n`).join(""))], false);
        } catch (error) {
          expect(error).toMatchObject({ name: "KubernetesRequestError" });
        }
      }),
    );
  });

  it("ends with what an ERROR event stands for", () => {
    const line = (code: number) =>
      JSON.stringify({ type: "ERROR", object: { kind: "Status", code, message: "too old" } });
    expect(() => readWatchLine(line(410))).toThrow(
      expect.objectContaining({ detail: { code: "EXPIRED", text: "too old" } }),
    );
    expect(() => readWatchLine(line(500))).toThrow(
      expect.objectContaining({ detail: { code: "UNAVAILABLE", status: 500 } }),
    );
  });

  it("refuses a line without end before it fills the memory", () => {
    const decoder = createLineDecoder(10);
    expect(decoder.push(Buffer.from("12345\n12345"))).toEqual(["12345"]);
    expect(() => decoder.push(Buffer.from("678901"))).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ code: "UNREADABLE" }) }),
    );
  });
});
