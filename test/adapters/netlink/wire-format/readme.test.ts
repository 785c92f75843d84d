import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { run } from "../../../lab/run-command.ts";

const folder = join(import.meta.dirname, "../../../../src/adapters/netlink/wire-format");
const links = "ip link set lo up && ip link add link0 index 7 mtu 1280 type veth peer name link1 index 8";

test("the README's example lists the links of its network namespace", async () => {
  const [, example = ""] = /```ts\n(.*?)```/s.exec(await readFile(join(folder, "README.md"), "utf8")) ?? [];
  const node = [process.execPath, "--input-type=module-typescript", "--eval", example];
  const printed = await run(["unshare", "--net", "sh", "-c", `${links} && exec "$@"`, "sh", ...node], {
    cwd: folder,
  });
  expect(printed.trim().split("\n")).toEqual(
    expect.arrayContaining([
      "1: lo, 65536 bytes, up",
      "7: link0, 1280 bytes, down",
      "8: link1, 1500 bytes, down",
    ]),
  );
});
