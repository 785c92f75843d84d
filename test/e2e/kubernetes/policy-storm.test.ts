import { expect, test } from "vitest";
import { connectApi } from "../../lab/kubernetes/control-plane/api-connection.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { killStorm, waitUntilNothingIsLeft } from "../support/kill-storm.ts";
import { policyStorm, policyStormLab, waitUntilNobodyIsIsolated } from "../support/policy-storm.ts";
import { useLab } from "../support/use-lab.ts";

const lab = useLab(policyStormLab);

/** `npm run bench -- kills --network-policy` does 500, and as many lives as wanted. */
const kills = 8;
const lives = 120;

test("pods that live and die isolated never hear anybody nor are heard, while the daemon is killed and the API server is away", async () => {
  const node = nodeOf(lab(), "n1");
  const api = await connectApi(lab());
  try {
    const pods = await policyStorm(lab(), node, api);
    const { twice, dead, undeleted } = await killStorm(lab(), node, { kills, lives, pods, awayEvery: 5 });
    const found = pods.findings();
    expect({ twice, dead, undeleted }).toEqual({ twice: [], dead: [], undeleted: [] });
    expect(found).toMatchObject({ gaps: [], unprobed: [] });
    // Whoever probes is heard: by pods that have the same addresses before and after.
    expect(found.openAnswers).toBeGreaterThan(found.openLives);
    expect(found.closedLives).toBeGreaterThan(lives / 4);
  } finally {
    await api.close();
  }
  await waitUntilNothingIsLeft(node);
  await waitUntilNobodyIsIsolated(node);
}, 300_000);
