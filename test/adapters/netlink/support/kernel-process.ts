import { openKernel } from "../../../../src/adapters/netlink/open-kernel.ts";
import { HeadcniError } from "../../../../src/domain/failure.ts";
import type { FromKernelProcess, ToKernelProcess } from "./remote-messages.ts";

// A process of its own, so that a test can place the kernel's user in a namespace and end it with SIGKILL.
const kernel = await openKernel({
  onFailure: (error) => {
    console.error(error);
    process.exit(1);
  },
});
const tell = (message: FromKernelProcess): void => {
  process.send?.(message);
};

type Method = (...args: readonly unknown[]) => Promise<unknown>;

async function call(message: Extract<ToKernelProcess, { kind: "call" }>): Promise<void> {
  const { id, port, method, args } = message;
  const ports = kernel as unknown as Record<string, Record<string, Method>>;
  try {
    tell({ kind: "value", id, value: await ports[port]?.[method]?.(...args) });
  } catch (error) {
    const detail = error instanceof HeadcniError ? error.detail : undefined;
    tell({ kind: "error", id, message: String(error), detail });
  }
}

kernel.state.watch((change) => tell({ kind: "changed", change }));
process.on("message", (message: ToKernelProcess) => {
  if (message.kind === "call") void call(message);
  else void kernel.close().then(() => process.disconnect());
});
tell({ kind: "opened" });
