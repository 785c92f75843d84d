import { expect, test } from "vitest";
import { tailnetResolver } from "../../../src/adapters/tailscale/resolv-conf.ts";

test("nameservers that X reaches are kept, with the search list", () => {
  const { text, usable } = tailnetResolver(
    "# a comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch example.org\noptions edns0\n",
  );
  expect(usable).toBe(true);
  expect(text.split("\n").slice(1)).toEqual([
    "nameserver 192.0.2.1",
    "nameserver fe80::1%eth0",
    "search example.org",
    "options edns0",
    "",
  ]);
});

test.each(["nameserver 127.0.0.53\n", "nameserver ::1\n", "search example.org\n", "nameserver what\n", ""])(
  "%j leaves X without a resolver",
  (hostText) => {
    expect(tailnetResolver(hostText)).toMatchObject({ usable: false });
    expect(tailnetResolver(hostText).text).not.toContain("nameserver");
  },
);
