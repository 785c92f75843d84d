import { expect, test } from "vitest";
import { tailnetResolver } from "../../../src/adapters/tailscale/resolv-conf.ts";

test("nameservers stay in their order, with the search list; those on loopback are to be forwarded", () => {
  const { text, direct, forwarded } = tailnetResolver(
    "# a comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver ::1\n" +
      "search example.org\noptions edns0\n",
  );
  expect(direct).toEqual(["192.0.2.1", "fe80::1%eth0"]);
  expect(forwarded).toEqual(["127.0.0.53", "::1"]);
  expect(text.split("\n").slice(1)).toEqual([
    "nameserver 127.0.0.53",
    "nameserver 192.0.2.1",
    "nameserver fe80::1%eth0",
    "nameserver ::1",
    "search example.org",
    "options edns0",
    "",
  ]);
});

test.each(["search example.org\n", "nameserver what\n", "nameserver\n", ""])(
  "%j names no nameserver",
  (hostText) => {
    expect(tailnetResolver(hostText)).toMatchObject({ direct: [], forwarded: [] });
    expect(tailnetResolver(hostText).text).not.toContain("nameserver");
  },
);
