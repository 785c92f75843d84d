import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteLength } from "../../src/protocol/byte-length.ts";
import { identifierProblem, interfaceNameProblem } from "../../src/protocol/name-rules.ts";
import { runtimeDirectory } from "../../src/protocol/runtime-files.ts";

describe("the length in bytes", () => {
  it("is what the text takes as UTF-8, lone surrogates included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat(0xffff)), (text, units) => {
        const any = text + String.fromCharCode(...units);
        expect(byteLength(any)).toBe(Buffer.byteLength(any, "utf8"));
      }),
    );
  });
});

describe("an interface name", () => {
  it.each(["eth0", "net1", "a", "abcdefghijklmno", "vlan.100", "a-b_c@d", "!~"])("%j is one", (name) => {
    expect(interfaceNameProblem(name)).toBeUndefined();
  });

  it.each([
    "",
    ".",
    "..",
    "abcdefghijklmnop",
    "a/b",
    "a:b",
    "a b",
    "a\tb",
    "a\n",
    "eth%d",
    "a\u00a0b",
    "\u0001",
    "\u007f",
  ])("%j is none", (name) => {
    expect(interfaceNameProblem(name)).toEqual(expect.any(String));
  });
});

describe("a container id", () => {
  it.each(["c", "0", "a.b-c_D", "f".repeat(64), "f".repeat(1000)])("%j is one", (id) => {
    expect(identifierProblem(id)).toBeUndefined();
  });

  it.each(["", "-a", "_a", ".", "a/b", "a b", "a\n", "\u00e9"])("%j is none", (id) => {
    expect(identifierProblem(id)).toEqual(expect.any(String));
  });
});

describe("the runtime directory", () => {
  it.each([
    ["/run/headcni/cni.sock", "/run/headcni"],
    ["/cni.sock", "/"],
  ])("of %s is %s", (socketPath, directory) => {
    expect(runtimeDirectory(socketPath)).toBe(directory);
  });
});
