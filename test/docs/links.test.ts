import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../bootstrap/checks.ts";
import { run, runResult } from "../lab/run-command.ts";

const tracked = (await run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"])).split("\n");
const files = tracked.filter((file) => file.endsWith(".md"));
/** Every file, and every folder that holds one. */
const places = new Set(
  tracked.flatMap((file) => file.split("/").map((_, depth, parts) => parts.slice(0, depth + 1).join("/"))),
);

/** Code is no prose: a link in it is an example. */
function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`(?!\])/g, "");
}

/** A heading's anchor as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[`*]/g, "")
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...named]);
}

describe("every link within the repository leads somewhere", () => {
  it.each(files)("%s", async (file) => {
    const text = await readFile(join(root, file), "utf8");
    const targets = [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = ""]) => target);
    for (const target of targets.filter((each) => !/^[a-z]+:/.test(each))) {
      const [path = "", anchor] = target.split("#");
      const place = path === "" ? join(root, file) : join(root, dirname(file), path);
      expect(relative(root, place).startsWith(".."), `${target} leads out of the repository`).toBe(false);
      expect(places, `${target} in ${file}`).toContain(relative(root, place).replace(/\/$/, ""));
      if (anchor === undefined || !place.endsWith(".md")) continue;
      expect(anchors(await readFile(place, "utf8")), `${target} in ${file}`).toContain(anchor);
    }
  });
});

it("no text cites a document that is not in the repository", async () => {
  // The brackets keep this file out.
  const found = await runResult(["git", "-C", root, "grep", "-nI", "DESI[G]N", "--", ":!CHANGELOG.md"]);
  expect(found).toMatchObject({ stdout: "", exitCode: 1 });
});

it("the documentation says nothing of private places", async () => {
  for (const file of files) {
    const text = await readFile(join(root, file), "utf8");
    expect(text, file).not.toMatch(/\/work\/|\/root\//);
  }
});
