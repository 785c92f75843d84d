import { describe, expect, it } from "vitest";
import type { Enforced, PolicyEvent } from "../../../machines/policy/policy-events.ts";
import { policyMachine } from "../../../machines/policy/policy-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NetworkPolicy, PolicyPod } from "../../../src/domain/policy/network-policy.ts";
import type { ObjectProblem, Reading } from "../../../src/domain/policy/policy-book.ts";
import type { PolicyLedger, PolicyMemory } from "../../../src/domain/policy/policy-ledger.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const policy: NetworkPolicy = { namespace: "shop", name: "db", pods: [], ingress: [] };
const web: PolicyPod = {
  ...{ namespace: "shop", name: "web", uid: "u1", runtimeUid: "u1", createdAt: "", node: "n1" },
  ...{ labels: {}, addresses: ["10.244.1.7"], ports: [], hostNetwork: false, ended: false },
};
const attached = { podUid: "u1", namespace: "shop", addresses: ["10.244.1.7"] };
const key = "c1/eth0";
const unreadable: ObjectProblem = {
  ...{
    code: "UNKNOWN_SHAPE",
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "db",
    path: "spec",
    text: "what",
  },
};
const unreadableFailure = {
  code: "UNKNOWN_SHAPE",
  message: "NetworkPolicy shop/db cannot be read: spec: what",
};

const policies = (...items: Reading<NetworkPolicy>[]): PolicyEvent => ({
  ...{ type: "watch.listed", source: "networkPolicies", items, cursor: "1" },
});
const namespaces: PolicyEvent = { type: "watch.listed", source: "namespaces", items: [], cursor: "1" };
const pods = (...items: PolicyPod[]): PolicyEvent => ({
  ...{ type: "watch.listed", source: "clusterPods", items: items.map((item) => ({ item })), cursor: "1" },
});
const podPut = (item: PolicyPod): PolicyEvent => ({
  ...{
    type: "watch.changed",
    source: "clusterPods",
    changes: [{ kind: "put", item: { item } }],
    cursor: "2",
  },
});
const nodes: PolicyEvent = {
  type: "nodes.changed",
  bindings: [{ prefix: "10.244.1.0/24", nodeId: "1", node: "n1", uid: "u" }],
};
const recovered: PolicyEvent = { type: "pods.recovered", count: 0 };
const wanted = (replyTo: string | null = "pod:0"): PolicyEvent => ({
  ...{ type: "policies.wanted", key, pod: attached },
  replyTo: replyTo === null ? null : recipient(replyTo),
});
const released: PolicyEvent = { type: "policies.released", key };
const lost: PolicyEvent = { type: "watch.lost", source: "clusterPods", failure: brokenFailure };
const restored: PolicyEvent = { type: "watch.restored", source: "clusterPods" };

const watches = (
  [
    ["policies", "networkPolicies"],
    ["namespaces", "namespaces"],
    ["pods", "clusterPods"],
  ] as const
).map(([start, source]) => ({ start, input: { source, seed: "n1", parent: "<policy>" } }));
const begins = [
  { start: "memory", input: { seed: "n1" } },
  { start: "flows" },
  { start: "watchTable" },
  ...watches,
];
const isForMemory = (effect: Effect) => "to" in effect && effect.to === "memory";
const enforce = (ledger: Partial<PolicyLedger>, whole = false) => ({
  start: "enforce",
  input: { ledger: expect.objectContaining(ledger), whole },
});
const byNft = { code: "TABLE_CHANGED", message: "nft changed the table headcni_policy" };
const changed: PolicyEvent = { type: "table.changed", failure: byNft };
const told = { to: "pod:0", type: "policies.inForce" };
const numbers = { isolated: 0, elements: 0 };
const reload = (failures: number) => backoffDelay(failures, { firstMs: 200, maxMs: 10_000 }, "n1");

function started() {
  const machine = drive(policyMachine, { seed: "n1" });
  return {
    ...machine,
    first: machine.start(),
    send: (event: PolicyEvent) => machine.send(event).filter((effect) => !isForMemory(effect)),
    fire: (delayMs: number) => machine.fire(delayMs).filter((effect) => !isForMemory(effect)),
    /** What the memory's child is told. */
    remembers: (event: PolicyEvent) => machine.send(event).filter(isForMemory),
    /** What is asked for now is in force. */
    enforced: (problems: Enforced["problems"] = [], narrows = false) =>
      machine.done("enforce", { numbers, problems, narrows }),
    table: () => machine.at().working.table,
  };
}

function working(memory: PolicyMemory | null = null) {
  const policyDesk = started();
  policyDesk.done("recall", memory);
  return policyDesk;
}

/** All is known and in force. */
function inForce(...listed: readonly PolicyEvent[]) {
  const desk = working();
  for (const event of [policies(), namespaces, pods(), nodes, recovered, ...listed]) desk.send(event);
  desk.enforced();
  desk.fire(50);
  while (desk.table() !== "inForce") {
    desk.enforced();
    desk.fire(50);
  }
  return desk;
}

describe("the table of policies", () => {
  it("is made once policies, namespaces, pods, Nodes and the pods of earlier daemons are known", () => {
    const { first, send, done, at, enforced, fire, timers } = started();
    expect(first).toEqual([{ start: "recall" }]);
    expect(done("recall", null)).toEqual(begins);
    expect(send(wanted(null))).toEqual([]);
    expect(send(policies({ item: policy }))).toEqual([]);
    expect(send(namespaces)).toEqual([]);
    expect(send(nodes)).toEqual([]);
    expect(send(pods(web))).toEqual([]);
    expect(at().working).toMatchObject({ table: "awaiting", knowledge: "current" });
    expect(send(recovered)).toEqual([
      enforce({
        attached: { [key]: attached },
        policies: { "shop/db": { policy } },
        pods: { "shop/web": web },
        nodes: [{ name: "n1", podCidrs: ["10.244.1.0/24"], addresses: [] }],
      }),
    ]);
    expect(timers()).toContain(10_000);
    expect(enforced()).toEqual([]);
    expect(at().working).toMatchObject({ table: "rateLimited" });
    expect(fire(50)).toEqual([]);
    expect(at().working).toMatchObject({ table: "inForce" });
  });

  it("follows each change, 50 ms apart, the last state then", () => {
    const { send, enforced, fire } = inForce();
    expect(send(podPut(web))).toEqual([enforce({ pods: { "shop/web": web } })]);
    const ended = { ...web, ended: true };
    const gone = { ...ended, addresses: [] };
    send(podPut(ended));
    send(podPut(gone));
    const before = { "shop/web": web };
    expect(before).not.toEqual({ "shop/web": gone });
    enforced();
    expect(send(podPut(web))).toEqual([]);
    expect(fire(50)).toEqual([enforce({ pods: { "shop/web": web } })]);
  });

  it("is left alone by what policies do not look at", () => {
    const { send } = inForce(pods(web));
    expect(send(podPut(structuredClone(web)))).toEqual([]);
    expect(send(pods(structuredClone(web)))).toEqual([]);
    expect(send(released)).toEqual([]);
  });

  it("stays as it was when the kernel refuses a change, which is tried again ever more slowly", () => {
    const { send, fail, fire, timers, table, enforced, context } = inForce();
    send(podPut(web));
    for (let failures = 0; failures < 8; failures += 1) {
      expect(fail("enforce", broken)).toEqual([counted()]);
      expect(table()).toBe("backingOff");
      expect(timers()).toContain(reload(failures));
      expect(fire(reload(failures))).toEqual([enforce({ pods: { "shop/web": web } })]);
    }
    expect(fire(10_000)).toEqual([
      { stop: "enforce" },
      counted({ code: "TIMEOUT", message: "the change of policies took more than 10 s" }),
    ]);
    fire(reload(8));
    enforced();
    expect(table()).toBe("rateLimited");
    expect(context()).toMatchObject({ failures: 0 });
  });

  it("is loaded as a whole where another program changed it, who is named", () => {
    const { send, enforced, fire, table, context } = inForce(pods(web));
    expect(send(changed)).toEqual([enforce({ pods: { "shop/web": web } }, true), counted(byNft)]);
    expect(enforced()).toEqual([]);
    expect(fire(50)).toEqual([]);
    expect(table()).toBe("inForce");
    expect(context().changed).toBe(null);
    send(podPut({ ...web, ended: true }));
    expect(send(changed)).toEqual([]);
    enforced();
    expect(fire(50)).toEqual([enforce({}, true), counted(byNft)]);
  });

  it("is made of what the state directory has where the API server does not answer for 4 s", () => {
    const memory = { policies: { "shop/db": { policy } }, namespaces: {}, pods: { "shop/web": web } };
    const { send, fire, table } = working(memory);
    for (const event of [nodes, recovered]) expect(send(event)).toEqual([]);
    expect(send(lost)).toEqual([]);
    expect(fire(4_000)).toEqual([enforce(memory)]);
    expect(table()).toBe("enforcing");
    const forgetful = working();
    for (const event of [nodes, recovered]) forgetful.send(event);
    expect(forgetful.fire(4_000)).toEqual([]);
    expect(forgetful.table()).toBe("unheard");
  });

  it("is made of what the API server says where the state directory cannot be read", () => {
    const one = started();
    expect(one.fail("recall", broken)).toEqual([...begins, counted()]);
    const other = started();
    expect(other.fire(5_000)).toEqual([...begins, { stop: "recall" }]);
  });
});

describe("a pod that asks", () => {
  it("is answered once what it asks for is in force, at once", () => {
    const { send, enforced } = inForce(policies({ item: policy }), pods(web));
    expect(send(wanted())).toEqual([enforce({ attached: { [key]: attached } })]);
    expect(enforced()).toEqual([told]);
  });

  it("does not wait for the pause after another change", () => {
    const { send, enforced, table } = inForce(pods(web));
    send(podPut({ ...web, ended: true }));
    enforced();
    expect(table()).toBe("rateLimited");
    expect(send(wanted())).toEqual([enforce({ attached: { [key]: attached } })]);
  });

  it("during a change waits for the next one", () => {
    const { send, enforced } = inForce(pods(web));
    send(podPut({ ...web, ended: true }));
    expect(send(wanted())).toEqual([]);
    expect(enforced()).toEqual([enforce({ attached: { [key]: attached } })]);
    expect(enforced()).toEqual([told]);
  });

  it("waits for its labels where its namespace has policies, for 2 s, refused to all meanwhile", () => {
    const one = inForce(policies({ item: policy }));
    expect(one.send(wanted())).toEqual([enforce({ attached: { [key]: attached } })]);
    expect(one.enforced()).toEqual([]);
    expect(one.at().working).toMatchObject({ calls: "awaitingLabels" });
    expect(one.send(podPut(web))).toEqual([enforce({ pods: { "shop/web": web } })]);
    const other = inForce(policies({ item: policy }));
    other.send(wanted());
    other.enforced();
    expect(other.fire(2_000)).toEqual([told]);
    expect(other.at().working).toMatchObject({ calls: "answering" });
  });

  it("waits for no labels while the API server is away, nor where its namespace has no policies", () => {
    const away = inForce(policies({ item: policy }));
    away.send(lost);
    away.send(wanted());
    expect(away.enforced()).toEqual([told]);
    const free = inForce();
    free.send(wanted());
    expect(free.enforced()).toEqual([told]);
  });

  it("is forgotten once it released them", () => {
    const { send, enforced, fire, context } = inForce(pods(web));
    send(wanted());
    send(released);
    expect(enforced()).toEqual([]);
    expect(context()).toMatchObject({ waiting: {}, ledger: { attached: {} } });
    expect(fire(50)).toEqual([enforce({ attached: {} })]);
  });
});

describe("flows of before", () => {
  const narrowed = { to: "flows", type: "flows.narrowed" };

  it("are looked through once what may forbid them is in force", () => {
    const { send, enforced } = inForce();
    send(podPut(web));
    expect(enforced([], true)).toEqual([narrowed]);
  });

  it("are looked through again after a watch failed, for their child began anew", () => {
    const { fail, fire } = inForce();
    fail("pods", broken);
    expect(fire(5_000)).toContainEqual(narrowed);
  });
});

describe("what is known", () => {
  it("is stale while any watch is lost", () => {
    const { send, at } = inForce();
    expect(at().working.knowledge).toBe("current");
    send(lost);
    expect(at().working.knowledge).toBe("stale");
    send(restored);
    expect(at().working.knowledge).toBe("current");
  });

  it("stays while a watch failed, and is watched again after 5 s", () => {
    const { fail, fire, at, send } = inForce(pods(web));
    expect(fail("pods", broken)).toContainEqual(counted());
    expect(at()).toBe("crashed");
    expect(send(wanted())).toEqual([]);
    expect(fire(5_000)).toEqual([
      ...begins,
      enforce({ attached: { [key]: attached } }),
      { to: "flows", type: "flows.narrowed" },
    ]);
    expect(at().working.knowledge).toBe("unknown");
    for (const event of [policies(), namespaces, pods(web)]) send(event);
    expect(at().working.knowledge).toBe("current");
  });

  it("is kept in the state directory whenever it changes, once it was heard as a whole", () => {
    const wanted = (all: readonly PolicyPod[]) => ({
      ...{ to: "memory", type: "memory.wanted" },
      memory: {
        ...{ policies: {}, namespaces: {} },
        pods: Object.fromEntries(all.map((pod) => [`shop/${pod.name}`, pod])),
      },
    });
    const { remembers } = working();
    expect(remembers(pods(web))).toEqual([]);
    expect(remembers(podPut({ ...web, ended: true }))).toEqual([]);
    expect(remembers(policies())).toEqual([]);
    expect(remembers(namespaces)).toEqual([wanted([{ ...web, ended: true }])]);
    expect(remembers(namespaces)).toEqual([]);
    expect(remembers(podPut(web))).toEqual([wanted([web])]);
  });
});

describe("a policy that is not enforced as it is written", () => {
  it("is named where it cannot be read, until it can", () => {
    const { send, at } = inForce(policies({ item: policy }));
    const problem: Reading<NetworkPolicy> = { problem: unreadable };
    expect(send(policies(problem))).toEqual([
      enforce({ policies: { "shop/db": { policy, problem: unreadable } } }),
      counted(unreadableFailure),
      counted(unreadableFailure),
    ]);
    expect(at().working.objects).toBe("refused");
    send(policies({ item: policy }));
    expect(at().working.objects).toBe("readable");
  });

  it("is named where it is over the limits of a node", () => {
    const { send, enforced, at } = inForce();
    send(policies({ item: policy }));
    const problem = { code: "TOO_MANY_PEERS", policies: ["shop/db"], limit: 3 } as const;
    expect(enforced([problem])).toEqual([
      counted({ code: "TOO_MANY_PEERS", message: "more than 3 peers, so nothing is allowed by shop/db" }),
    ]);
    expect(at().working.objects).toBe("refused");
  });
});

const unreadableNews = policies({ problem: unreadable });

function isRefused(value: unknown): boolean {
  return JSON.stringify(value).includes('"objects":"refused"');
}

it("takes every transition of its machine", async () => {
  const memory = { policies: {}, namespaces: {}, pods: {} };
  await walkAllTransitions(policyMachine, {
    input: { seed: "n1" },
    events: [
      policies({ item: policy }),
      unreadableNews,
      namespaces,
      pods(),
      podPut(web),
      nodes,
      recovered,
      wanted(),
      released,
      lost,
      restored,
      changed,
    ],
    outcomes: {
      watch: { done: [] },
      watchTable: { done: [] },
      recall: { done: [null, memory] },
      enforce: { done: [true, false].map((narrows) => ({ numbers, problems: [], narrows })) },
      memory: { done: [] },
      flows: { done: [] },
    },
    keepsFailures: "of parts that go on side by side",
    // The regions hardly know of each other: what disturbs one comes while the others rest, or the states multiply.
    possible: ({ context, value }, event) => {
      const rests =
        Object.keys(context.waiting).length === 0 && context.lost.length === 0 && context.changed === null;
      if (event === lost || event === changed) return rests && !isRefused(value);
      if (event === unreadableNews) return rests;
      return event.type !== "policies.wanted" || (rests && !isRefused(value));
    },
    stateKey: ({ context }) => [
      context.heard.length,
      context.lost.length,
      context.nodesKnown,
      context.recovered,
      context.ledger === context.inForce,
      context.changed === null,
      context.kept === null,
      Object.keys(context.waiting).length,
    ],
    limit: 200_000,
  });
});
