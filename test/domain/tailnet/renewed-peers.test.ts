import { expect, test } from "vitest";
import { renewedPeers } from "../../../src/domain/tailnet/renewed-peers.ts";

test.each([
  { what: "another key than before", before: "a", now: "b", renewed: true },
  { what: "the same key", before: "a", now: "a", renewed: false },
  { what: "the first key we hear of", before: undefined, now: "a", renewed: true },
  { what: "the first key of a peer that had none", before: "", now: "a", renewed: false },
  { what: "no key any more", before: "a", now: "", renewed: false },
])("$what: restarted is $renewed", ({ before, now, renewed }) => {
  const known = before === undefined ? {} : { "8": before };
  expect(renewedPeers(known, { "8": now })).toEqual(renewed ? ["8"] : []);
});
