import { writeSync } from "node:fs";
import { openKernel } from "../../../../src/adapters/netlink/open-kernel.ts";
import { samplePlan } from "./sample-plan.ts";

// Attaches and detaches as fast as it can until it is killed, and says each step on standard output before or after it
// happened: "opened", "attaching N", "attached N", "detaching N", "detached N".
const [netns = "", lanesText = "4"] = process.argv.slice(2);
const kernel = await openKernel({ onFailure: () => process.exit(1) });
const say = (text: string): unknown => writeSync(1, `${text}\n`);

async function lane(number: number): Promise<never> {
  for (let life = 0; ; life++) {
    const id = number * 1000 + life;
    const plan = samplePlan(netns, number, { ifname: `e${number}`, containerId: `container-${id}` });
    say(`attaching ${id}`);
    await kernel.podNetwork.attach(plan);
    say(`attached ${id}`);
    if (life % 3 === 2) return lane(number + 100);
    say(`detaching ${id}`);
    await kernel.podNetwork.detach(plan.hostLink);
    say(`detached ${id}`);
    await kernel.podNetwork.removeLeaving();
  }
}

say("opened");
await Promise.all(Array.from({ length: Number(lanesText) }, (_, index) => lane(index + 1)));
