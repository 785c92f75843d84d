import { readSync } from "node:fs";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { KernelChange } from "../../../domain/kernel/kernel-state.ts";
import { type Echoes, echoes } from "../echo/echoes.ts";
import { describeRefusal, KernelRefusal, toKernelRefused } from "../kernel-errors.ts";
import { firstIsReadable, type Libc, loadLibc, pollEntries } from "../libc.ts";
import { type CommandHandlers, commandHandlers } from "./command-handlers.ts";
import type { CommandFailure, KernelMessage, KernelRequest, KernelWorkerData } from "./kernel-commands.ts";
import { type RequestQueue, requestQueue } from "./request-queue.ts";
import { openWorkerKernel } from "./worker-kernel.ts";

/** Each attachment causes some 20 kB of notifications; they must be read before they fill the monitors' sockets. */
const requestsPerRound = 64;

/**
 * Serves requests until told to close. The thread sleeps in poll() over the wake-up descriptor, the monitors and the echoes,
 * so one thread does it all and an idle daemon costs nothing. An error that is no expected failure ends the thread.
 */
export function runKernelLoop(port: MessagePort, { wakeFd, closing, sysctlRoot }: KernelWorkerData): void {
  const libc = loadLibc();
  const kernel = openWorkerKernel(libc, sysctlRoot);
  const handlers = commandHandlers(kernel);
  const running = echoes(libc);
  const queue = requestQueue();
  const wakes = Buffer.alloc(8);
  const post = (message: KernelMessage): void => port.postMessage(message);
  const monitors = () => kernel.kept.all().map(({ monitor }) => monitor);

  post({ kind: "opened" });
  while (Atomics.load(closing, 0) === 0) {
    const descriptors = monitors().flatMap((monitor) => monitor.descriptors);
    const deadline = queue.isEmpty() ? running.nextDeadline() : 0;
    const woken = waitForInput(libc, [wakeFd, ...descriptors, ...running.descriptors()], deadline);
    // An eventfd that poll() found readable: reading resets it (eventfd(2)).
    if (woken) readSync(wakeFd, wakes);
    for (let served = 0; served < requestsPerRound; served++) {
      receiveRequests(port, queue);
      const request = queue.take();
      if (request === undefined) break;
      serve(request, handlers, running, post);
    }
    running.advance();
    const changes = distinct(monitors().flatMap((monitor) => monitor.drain()));
    if (changes.length > 0) post({ kind: "changed", changes });
  }
  running.close();
  kernel.kept.close();
}

/** True when the first of the descriptors is readable. */
function waitForInput(libc: Libc, descriptors: readonly number[], deadline: number | undefined): boolean {
  const entries = pollEntries(descriptors);
  const timeoutMs = deadline === undefined ? -1 : Math.max(0, Math.ceil(deadline - performance.now()));
  // A failure (EINTR) leaves the events empty: one round too many.
  libc.poll(entries, descriptors.length, timeoutMs);
  return firstIsReadable(entries);
}

function receiveRequests(port: MessagePort, queue: RequestQueue): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { readonly message: KernelRequest } | undefined;
    if (received === undefined) return;
    queue.add(received.message);
  }
}

function serve(
  request: KernelRequest,
  handlers: CommandHandlers,
  running: Echoes,
  post: (message: KernelMessage) => void,
): void {
  const done = (output: unknown): void => post({ kind: "done", id: request.id, output });
  try {
    if (isEcho(request)) running.start(request.args[0], done);
    else done(run(handlers, request as KernelRequest<keyof CommandHandlers>));
  } catch (error) {
    const failure = commandFailure(error);
    if (failure === undefined) throw error;
    post({ kind: "failed", id: request.id, ...failure });
  }
}

function isEcho(request: KernelRequest): request is KernelRequest<"echo"> {
  return request.name === "echo";
}

function run(handlers: CommandHandlers, { name, args }: KernelRequest<keyof CommandHandlers>): unknown {
  const handler: (...given: never) => unknown = handlers[name];
  return handler(...(args as never));
}

/** Undefined for an error that nobody expects. */
function commandFailure(error: unknown): CommandFailure | undefined {
  if (error instanceof KernelRefusal) return { message: error.message, detail: error.detail };
  const detail = toKernelRefused(error);
  return detail === undefined ? undefined : { message: describeRefusal(detail), detail };
}

/** One hint is as good as many of the same. */
function distinct(changes: readonly KernelChange[]): readonly KernelChange[] {
  const seen = new Set<string>();
  return changes.filter(({ namespace, what, removed, subject }) => {
    const key = `${namespace} ${what} ${removed} ${subject}`;
    return seen.has(key) ? false : seen.add(key);
  });
}
