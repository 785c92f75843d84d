import { expect, test } from "vitest";
import { nameserversIn } from "../../../src/adapters/tailscale/resolv-conf.ts";

test("nameservers stay in their order; those on loopback are to be forwarded", () => {
  const { direct, forwarded } = nameserversIn(
    "# a comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver ::1\n" +
      "search example.org\noptions edns0\n",
  );
  expect(direct).toEqual(["192.0.2.1", "fe80::1%eth0"]);
  expect(forwarded).toEqual(["127.0.0.53", "::1"]);
});

test.each(["search example.org\n", "nameserver what\n", "nameserver\n", ""])(
  "%j names no nameserver",
  (resolvConf) => {
    expect(nameserversIn(resolvConf)).toEqual({ direct: [], forwarded: [] });
  },
);
