import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { HeadcniError } from "../../../../src/domain/failure.ts";
import type { KernelChange } from "../../../../src/domain/kernel/kernel-state.ts";
import type { KernelState } from "../../../../src/ports/kernel-state.ts";
import type { PodNetwork } from "../../../../src/ports/pod-network.ts";
import type { FromKernelProcess, ToKernelProcess } from "./remote-messages.ts";
import { namespacePath } from "./test-namespaces.ts";

/** The real kernel adapter in a process of its own that stands in a namespace, used through the same ports. */
export interface RemoteKernel {
  readonly pid: number;
  readonly podNetwork: PodNetwork;
  readonly state: Omit<KernelState, "watch">;
  /** Every change told since the start. */
  readonly changes: readonly KernelChange[];
  /** Ends in good order and waits for it. */
  close(): Promise<void>;
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>;
}

interface PendingCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

class RemoteFailure extends HeadcniError<{ readonly code: string }> {}

export async function startRemoteKernel(netns: string): Promise<RemoteKernel> {
  const entry = fileURLToPath(new URL("./kernel-process.ts", import.meta.url));
  const child = spawn("nsenter", [`--net=${namespacePath(netns)}`, process.execPath, entry], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
  const pending = new Map<number, PendingCall>();
  const changes: KernelChange[] = [];
  child.on("message", (message: FromKernelProcess) => receive(message, pending, changes));
  child.once("exit", (code, signal) => {
    for (const call of pending.values())
      call.reject(new Error(`the kernel process ended (${signal ?? code})`));
    pending.clear();
  });
  await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`the kernel process ended with ${code}`))),
  ]);
  return { ...ports(child, pending), changes, pid: child.pid ?? 0, ...endings(child) };
}

function receive(
  message: FromKernelProcess,
  pending: Map<number, PendingCall>,
  changes: KernelChange[],
): void {
  if (message.kind === "changed") changes.push(message.change);
  if (message.kind === "changed" || message.kind === "opened") return;
  const call = pending.get(message.id);
  if (message.kind === "value") call?.resolve(message.value);
  else if (message.detail === undefined) call?.reject(new Error(message.message));
  else call?.reject(new RemoteFailure(message.message, message.detail as { readonly code: string }));
}

function ports(
  child: ChildProcess,
  pending: Map<number, PendingCall>,
): Pick<RemoteKernel, "podNetwork" | "state"> {
  const tell = (message: ToKernelProcess): unknown => child.connected && child.send(message);
  let lastId = 0;
  const call = (port: "podNetwork" | "state", method: string, args: readonly unknown[]): Promise<unknown> => {
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      tell({ kind: "call", id, port, method, args });
    });
  };
  const port = (name: "podNetwork" | "state") =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          (...args: unknown[]) =>
            call(name, String(method), args),
      },
    );
  return { podNetwork: port("podNetwork") as PodNetwork, state: port("state") as KernelState };
}

function endings(child: ChildProcess): Pick<RemoteKernel, "close" | "kill"> {
  const gone = once(child, "exit");
  const end = async (how: () => void): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    how();
    await gone;
  };
  return {
    close: () => end(() => child.send({ kind: "close" } satisfies ToKernelProcess)),
    kill: () => end(() => child.kill("SIGKILL")),
  };
}
