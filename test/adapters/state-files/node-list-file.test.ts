import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createNodeListFile, watchNodeListFile } from "../../../src/adapters/state-files/node-list-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const { signal } = new AbortController();
const bindings = [
  { prefix: "10.244.1.0/24", nodeId: "1", node: "n1", uid: "u1" },
  { prefix: "fd00:2::/64", nodeId: "", node: "n2", uid: "u2" },
];

describe("the list of Nodes", () => {
  it("lasts, also as an empty one, and is none before it is written", async () => {
    const path = join(temporaryDirectory(), "state", "allowlist.json");
    const list = createNodeListFile(path);
    expect(await list.read()).toBeNull();
    await list.write(bindings, signal);
    expect(await createNodeListFile(path).read()).toEqual(bindings);
    await list.write([], signal);
    expect(await list.read()).toEqual([]);
  });

  it.each([
    "",
    "{",
    "[]",
    '{"version":2,"bindings":[]}',
    '{"version":1}',
    '{"version":1,"bindings":[{"prefix":"10.244.1.0/24","node":"n1","uid":"u1"}]}',
    '{"version":1,"bindings":[{"prefix":"everywhere","nodeId":"1","node":"n1","uid":"u1"}]}',
  ])("is not believed when the file holds %j", async (content) => {
    const path = join(temporaryDirectory(), "allowlist.json");
    writeFileSync(path, content);
    await expect(createNodeListFile(path).read()).rejects.toMatchObject({
      detail: { code: "NODE_LIST_UNREADABLE", path },
    });
  });

  it("that cannot be written says so", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "state"), "a file");
    const list = createNodeListFile(join(folder, "state", "allowlist.json"));
    await expect(list.write(bindings, signal)).rejects.toMatchObject({ detail: { code: "NOT_WRITTEN" } });
  });
});

describe("who watches the list", () => {
  it("hears that there is none, of each replacement and of its removal, and of no other file", async () => {
    const folder = join(temporaryDirectory(), "state");
    const path = join(folder, "allowlist.json");
    let heard = 0;
    onTestFinished(
      watchNodeListFile(path, () => {
        heard += 1;
      }),
    );
    const hears = async (what: string) => {
      await until(() => heard > 0, what, 3_000);
      // One look, and nothing that was not said before.
      expect(heard).toBe(1);
      heard = 0;
    };
    await hears("no list, nor a folder for it, is heard");
    const list = createNodeListFile(path);
    await list.write(bindings, signal);
    await hears("the first list is heard");
    // Named like the file that is written aside, and one that others keep there.
    writeFileSync(join(folder, "node.json"), "other");
    mkdirSync(join(folder, "tailscale"));
    await list.write(bindings.toReversed(), signal);
    await hears("another list of the same size is heard");
    rmSync(path);
    await hears("the removal is heard");
    renameSync(join(folder, "node.json"), path);
    await hears("whoever replaces it is heard");
  });
});
