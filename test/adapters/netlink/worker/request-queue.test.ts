import { expect, test } from "vitest";
import type {
  KernelCommandName,
  KernelRequest,
} from "../../../../src/adapters/netlink/worker/kernel-commands.ts";
import { type RequestQueue, requestQueue } from "../../../../src/adapters/netlink/worker/request-queue.ts";

function queueOf(...names: readonly KernelCommandName[]): RequestQueue {
  const queue = requestQueue();
  names.forEach((name, index) => {
    queue.add({ id: index + 1, name, args: [] } as unknown as KernelRequest);
  });
  return queue;
}

function takeAll(queue: RequestQueue): readonly string[] {
  const taken: string[] = [];
  for (let request = queue.take(); request !== undefined; request = queue.take())
    taken.push(`${request.name} ${request.id}`);
  return taken;
}

test("attachments come first, then releases, then the rest, each in order of arrival", () => {
  expect(takeAll(queueOf("observe", "detach", "attach", "list", "attach", "detach"))).toEqual([
    "attach 3",
    "attach 5",
    "detach 2",
    "detach 6",
    "observe 1",
    "list 4",
  ]);
});

test("a look at the kernel gets its turn in a storm of attachments", () => {
  const queue = queueOf("observe", ...Array.from({ length: 30 }, () => "attach" as const));
  expect(takeAll(queue).indexOf("observe 1")).toBeLessThan(10);
});

test("says when nothing waits", () => {
  const queue = queueOf("list");
  expect(queue.isEmpty()).toBe(false);
  takeAll(queue);
  expect(queue.isEmpty()).toBe(true);
});
