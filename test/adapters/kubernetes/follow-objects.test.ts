import { describe, expect, test } from "vitest";
import type { ApiCall, ApiTransport } from "../../../src/adapters/kubernetes/api-transport.ts";
import { createFollower } from "../../../src/adapters/kubernetes/follow-objects.ts";
import { KubernetesRequestError } from "../../../src/adapters/kubernetes/kubernetes-error.ts";
import type { WatchNews } from "../../../src/domain/kubernetes/kubernetes-watch.ts";

/** What the server does with one call: a page, the lines of a watch (an Error breaks it), or a failure. */
type Answer = { readonly page: unknown } | { readonly lines: readonly unknown[] } | { readonly fails: Error };

const bookmark = (resourceVersion: string, end = false) => ({
  type: "BOOKMARK",
  object: {
    metadata: { resourceVersion, ...(end ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}) },
  },
});
const node = (name: string, resourceVersion: string) => ({
  metadata: { name, uid: name, resourceVersion },
  spec: { podCIDRs: ["10.244.1.0/24"] },
});
const rejected = (status: number) => ({
  fails: new KubernetesRequestError("refused", {
    code: "REJECTED",
    status,
    reason: "Invalid",
    text: "refused",
  }),
});

/** Follows nodes against a server that gives one answer a call, and tells what was asked and heard. */
function follower(answers: readonly Answer[], random = 0) {
  const calls: (ApiCall & { readonly silenceMs?: number })[] = [];
  const heard: WatchNews[] = [];
  let refused = 0;
  const next = (call: ApiCall, silenceMs?: number): Answer => {
    const answer = answers[calls.length] ?? { fails: new Error("asked too often") };
    calls.push({ ...call, ...(silenceMs === undefined ? {} : { silenceMs }) });
    if ("fails" in answer) throw answer.fails;
    return answer;
  };
  const transport: ApiTransport = {
    call: async (call) => {
      const answer = next(call);
      return "page" in answer ? answer.page : undefined;
    },
    stream: async (call, silenceMs) => {
      const answer = next(call, silenceMs);
      return piecesOf("lines" in answer ? answer.lines : []);
    },
    close: async () => {},
  };
  const target = { path: "/api/v1/nodes", query: { labelSelector: "a=b" } };
  const follow = createFollower({
    transport,
    targets: {
      ...{ nodes: target, ownNode: target, pods: target, serviceCidrs: target },
      ...{ networkPolicies: target, namespaces: target, clusterPods: target },
    },
    rejected: () => {
      refused += 1;
    },
    random: () => random,
  });
  return {
    calls,
    heard,
    refused: () => refused,
    follow: (cursor: string) =>
      follow("nodes", cursor, (news) => heard.push(news), new AbortController().signal),
  };
}

async function* piecesOf(lines: readonly unknown[]): AsyncIterable<Buffer> {
  for (const line of lines) {
    if (line instanceof Error) throw line;
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}

describe("a watch", () => {
  test.each([
    { random: 0, seconds: "300" },
    { random: 0.999, seconds: "600" },
  ])(
    "asks the server to end it after $seconds s, and bears two missed bookmarks",
    async ({ random, seconds }) => {
      const { follow, calls } = follower([{ lines: [bookmark("8")] }], random);
      await follow("7");
      expect(calls).toEqual([
        {
          method: "GET",
          path: "/api/v1/nodes",
          query: {
            labelSelector: "a=b",
            resourceVersion: "7",
            watch: "true",
            allowWatchBookmarks: "true",
            timeoutSeconds: seconds,
          },
          silenceMs: 150_000,
        },
      ]);
    },
  );

  test("without a cursor begins with all objects; what is none is left out and told", async () => {
    const lines = [
      { type: "ADDED", object: node("n1", "3") },
      { type: "ADDED", object: { metadata: { name: 5, uid: "n2", resourceVersion: "4" } } },
      bookmark("5", true),
    ];
    const { follow, calls, heard, refused } = follower([{ lines }]);
    await follow("");
    expect(calls[0]?.query).toMatchObject({
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
    });
    expect(heard).toEqual([
      { type: "watch.opened", source: "nodes" },
      expect.objectContaining({
        type: "watch.listed",
        cursor: "5",
        items: [expect.objectContaining({ name: "n1" })],
      }),
    ]);
    expect(refused()).toBe(1);
  });

  test.each([
    { first: "100", second: "99" },
    { first: "1000", second: "999" },
    { first: "18446744073709551617", second: "18446744073709551616" },
  ])("in which $second comes after $first has expired", async ({ first, second }) => {
    const { follow, heard } = follower([{ lines: [bookmark(first), bookmark(second)] }]);
    await expect(follow("1")).rejects.toMatchObject({ detail: { code: "EXPIRED" } });
    expect(heard).toHaveLength(2);
  });

  test("bears the same version twice, and versions that are no numbers", async () => {
    const lines = ["9", "9", "10", "a", "5"].map((version) => bookmark(version));
    const { follow, heard } = follower([{ lines }]);
    await follow("8");
    expect(heard).toHaveLength(6);
  });

  test("that breaks in the middle says so, after what was heard", async () => {
    const { follow, heard } = follower([{ lines: [bookmark("8"), new Error("reset")] }]);
    await expect(follow("7")).rejects.toMatchObject({ detail: { code: "UNREACHABLE" } });
    expect(heard).toHaveLength(2);
  });
});

describe("a server that sends no list as a watch", () => {
  const pages: readonly Answer[] = [
    { page: { metadata: { resourceVersion: "40", continue: "more" }, items: [node("n1", "1")] } },
    { page: { metadata: { resourceVersion: "40" }, items: [node("n2", "2")] } },
    { lines: [bookmark("41")] },
  ];

  test.each([400, 422])("and says so by %i is asked for pages, from then on at once", async (status) => {
    const { follow, calls, heard } = follower([rejected(status), ...pages, ...pages]);
    await follow("");
    expect(calls.map(({ query }) => query?.["continue"] ?? query?.["resourceVersion"] ?? "")).toEqual([
      "",
      "",
      "more",
      "40",
    ]);
    expect(heard[0]).toMatchObject({
      type: "watch.listed",
      cursor: "40",
      items: [{ name: "n1" }, { name: "n2" }],
    });
    await follow("");
    expect(calls.slice(4).map(({ query }) => query?.["sendInitialEvents"])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test.each([403, 500])("but answers %i is not asked for pages", async (status) => {
    const { follow, calls } = follower([rejected(status), ...pages]);
    await expect(follow("")).rejects.toMatchObject({ detail: { status } });
    expect(calls).toHaveLength(1);
  });
});
