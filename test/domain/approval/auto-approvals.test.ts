import { describe, expect, it } from "vitest";
import { podAutoApprovals } from "../../../src/domain/approval/auto-approvals.ts";
import { readPolicy } from "../../../src/domain/headscale-policy/read-policy.ts";

const covering = (routes: Record<string, readonly string[]>) =>
  podAutoApprovals(readPolicy(JSON.stringify({ autoApprovers: { routes } })), ["10.244.0.0/16"]);

describe("autoApprovers that touch pods' addresses", () => {
  it.each(["10.244.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "10.244.9.0/24", "10.244.9.7"])(
    "%s does",
    (prefix) => {
      expect(covering({ [prefix]: ["tag:k8s-node"] })).toEqual([prefix]);
    },
  );

  it.each(["192.168.0.0/16", "10.245.0.0/16", "fd00::/8"])("%s does not", (prefix) => {
    expect(covering({ [prefix]: ["tag:k8s-node"] })).toEqual([]);
  });

  it("are none where nobody may have them", () => {
    expect(covering({ "10.244.0.0/16": [] })).toEqual([]);
  });
});
