import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileC } from "../../../lab/build/compile-c.ts";
import { run } from "../../../lab/run-command.ts";
import { toolchainUnderTest } from "../../../support/architecture-under-test.ts";

/** libc's first: the kernel's leave out what those have (linux/libc-compat.h). */
const allHeaders = [
  ...["poll", "sched", "sys/eventfd", "sys/mount", "sys/socket", "netinet/in", "netinet/ip"],
  ...[
    "netinet/ip6",
    "netinet/icmp6",
    "linux/icmp",
    "linux/if",
    "linux/if_addr",
    "linux/if_link",
    "linux/veth",
  ],
  ...[
    "linux/fib_rules",
    "linux/neighbour",
    "linux/netconf",
    "linux/netlink",
    "linux/nsfs",
    "linux/rtnetlink",
  ],
  ...[
    "linux/netfilter",
    "linux/netfilter/nfnetlink",
    "linux/netfilter/nf_tables",
    "linux/netfilter/nfnetlink_conntrack",
  ],
];

/**
 * The values of C's constant expressions, by the headers of the architecture under test (libc and linux-libc-dev): those named, without ".h". Needs gcc. Throws
 * LabError COMMAND_FAILED with gcc's messages for what is no such expression.
 */
export async function cNumbers(
  expressions: Iterable<string>,
  headers: readonly string[] = allHeaders,
): Promise<ReadonlyMap<string, number>> {
  const wanted = [...new Set(expressions)].sort();
  const lines = [
    "#define _GNU_SOURCE",
    ...["stddef", "stdio", ...headers].map((header) => `#include <${header}.h>`),
    "int main(void) {",
    ...wanted.map((expression) => `printf("%lld\\n", (long long)(${expression}));`),
    "return 0; }",
  ];
  const text = `${lines.join("\n")}\n`;
  const folder = await mkdtemp(join(tmpdir(), "headcni-numbers-"));
  try {
    const name = createHash("sha256").update(text).digest("hex").slice(0, 8);
    const source = join(folder, `numbers-${name}.c`);
    await writeFile(source, text);
    const program = await compileC(source, ["-static"], toolchainUnderTest);
    const [first = program, ...rest] = [...toolchainUnderTest.emulator, program];
    const printed = (await run([first, ...rest])).trim().split("\n");
    return new Map(wanted.map((expression, at) => [expression, Number(printed[at])]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
