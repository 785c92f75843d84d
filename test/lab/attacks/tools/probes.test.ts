import { expect, test } from "vitest";
import { makeProbes, openers, pretenders, probeFilter, probesIn } from "./probes.ts";
import { waysBetween } from "./through-node.ts";

const from = ["10.99.0.200", "fd00:10:99::200"];
const to = ["10.244.2.2", "fd00:10:244:2::2"];

test("probes go within one family only, each with a number of its own", () => {
  const probes = makeProbes(waysBetween(from, to), openers, 20_000);
  expect(probes.map(({ what, number }) => [number, what])).toEqual([
    [20_000, "UDP to 10.244.2.2"],
    [20_001, "TCP SYN to 10.244.2.2"],
    [20_002, "ICMP echo to 10.244.2.2"],
    [20_003, "UDP to fd00:10:244:2::2"],
    [20_004, "TCP SYN to fd00:10:244:2::2"],
    [20_005, "ICMP echo to fd00:10:244:2::2"],
  ]);
  expect(probeFilter(probes)).toBe("portrange 20000-20005 or icmp or icmp6");
});

test("only a pretender has a wrong checksum", () => {
  const probes = makeProbes(waysBetween(from, to), [...openers, ...pretenders], 20_000);
  const wrong = probes.filter(({ packet }) => packet.wrongChecksum === true);
  expect(wrong.map(({ what }) => what)).toEqual([
    "UDP with a wrong checksum to 10.244.2.2",
    "UDP with a wrong checksum to fd00:10:244:2::2",
  ]);
});

// As tcpdump -n prints them; a translation on the way may have changed source and source port.
test.each([
  ["IP 10.244.1.1.20000 > 10.244.2.2.20000: UDP, length 6", "UDP to 10.244.2.2"],
  ["IP 10.244.1.1.61233 > 10.244.2.2.20001: Flags [S], seq 1, win 65535, length 0", "TCP SYN to 10.244.2.2"],
  ["IP 10.99.0.200 > 10.244.2.2: ICMP echo request, id 20002, seq 0, length 14", "ICMP echo to 10.244.2.2"],
  ["IP6 fd00:10:99::200.20003 > fd00:10:244:2::2.20003: UDP, length 6", "UDP to fd00:10:244:2::2"],
  [
    "IP6 fd00:10:99::200 > fd00:10:244:2::2: ICMP6, echo request, id 20005, seq 0, length 14",
    "ICMP echo to fd00:10:244:2::2",
  ],
])("%s is told apart", (line, what) => {
  const probes = makeProbes(waysBetween(from, to), openers, 20_000);
  expect(
    probesIn(["IP 10.99.0.1.1 > 10.99.0.2.2: UDP, length 9", `03:04:05.678901 ${line}`], probes),
  ).toEqual([expect.objectContaining({ what })]);
});

test.each([
  "IP 10.244.2.2 > 10.99.0.200: ICMP 10.244.2.2 udp port 20000 unreachable, length 42",
  "IP 10.244.1.2 > 10.244.2.2: ICMP echo request, id 20002, seq 1, length 64",
  "IP 10.244.2.2.20000 > 10.99.0.200.53: UDP, length 6",
  "IP 10.244.1.2.120000 > 10.244.2.2.2000: UDP, length 6",
])("%s is none of them", (line) => {
  const probes = makeProbes(waysBetween(from, to), openers, 20_000);
  expect(probesIn([`03:04:05.678901 ${line}`], probes)).toEqual([]);
});
