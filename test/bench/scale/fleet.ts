import { randomBytes } from "node:crypto";
import type { Lab } from "../../lab/lab-types.ts";
import type { Progress } from "../../lab/progress.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";

const user = "fleet";
/** Headscale gathers changes for up to a second, so many at once cost little more than one. */
const atOnce = 32;

/**
 * Registers `count` machines in the lab's Headscale that never come online, each with a pod CIDR: every tailscaled of
 * the lab gets them in its network map, and every daemon sees them as peers.
 */
export async function registerFleet(lab: Lab, count: number, progress: Progress): Promise<void> {
  if (count === 0) return;
  progress(`Registering ${count} more machines in Headscale`);
  await headscale(lab, ["users", "create", user]);
  const indexes = Array.from({ length: count }, (_, index) => index)[Symbol.iterator]();
  const work = async () => {
    for (const index of indexes) await register(lab, index);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function register(lab: Lab, index: number): Promise<void> {
  const authId = `hskey-authreq-${randomBytes(12).toString("hex")}`;
  // 10.128.0.0/10 holds more /24 prefixes than anybody asks for, and none of the lab's.
  const route = `10.${128 + (index >> 8)}.${index & 255}.0/24`;
  const node = ["--user", user, "--name", `peer${index}`, "--key", authId, "--route", route];
  await headscale(lab, ["debug", "create-node", ...node]);
  await headscale(lab, ["auth", "register", "--auth-id", authId, "--user", user]);
}
