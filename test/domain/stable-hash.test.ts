import { expect, test } from "vitest";
import { attachmentKey, detachRequest } from "../../src/domain/attachment/attachment.ts";
import { hashWords, shortId, stableHash } from "../../src/domain/stable-hash.ts";

const id64 = "0123456789abcdef".repeat(4);

// Names of links in kernels of running nodes depend on these: another value is a break.
test.each([
  ["", "3c3xedr5qq844", [451_841_411, 1_217_125_560]],
  ["a", "18yjc17xar186", [2_194_241_793, 1_344_023_463]],
  ["cb1/eth0", "pw8xjkmdjqsq0", [657_367_958, 798_738_868]],
  [id64, "setmyghhywaea", [2_716_494_297, 2_628_680_241]],
])('"%s" has the hash %s in every release', (text, hash, words) => {
  expect(stableHash(text)).toBe(hash);
  expect(hashWords(text)).toEqual(words);
});

test("an id of 64 characters stands as it is, a longer one in a short form of its own", () => {
  expect(shortId(id64)).toBe(id64);
  expect(shortId(`${id64}0`)).toBe("~pa38vf07kpdz3ypcnfycypee4d");
  expect(shortId(shortId(`${id64}0`))).toBe("~pa38vf07kpdz3ypcnfycypee4d");
});

test("the id as the runtime gave it and as an alias carries it make one key", () => {
  expect(attachmentKey("c1", "eth0")).toBe("c1/eth0");
  expect(attachmentKey(shortId(`${id64}0`), "eth0")).toBe(attachmentKey(`${id64}0`, "eth0"));
});

test("the DEL that no runtime sends names the attachment, and no namespace", () => {
  const names = { network: "headcni", containerId: "c1", ifname: "eth0" };
  expect(detachRequest({ ...names, podUid: "u1" })).toEqual({
    ...{ wire: 1, command: "DEL", cniVersion: "1.1.0", netns: "", ...names },
    pod: { namespace: "", name: "", uid: "u1" },
  });
});
