import type { AnyActorRef, InspectionEvent } from "xstate";
import type { LiveMachines } from "../machines/live-machine.ts";
import { machineOf } from "../machines/machine-of.ts";
import { actorMessage, eventMessage, snapshotMessage } from "./stately-events.ts";

export interface BridgeOptions {
  /** Where a server of @statelyai/inspect listens: "ws://127.0.0.1:8080". */
  readonly url: string;
  readonly machines: LiveMachines;
  /** Removes secrets from a line of JSON. */
  readonly redact: (line: string) => string;
  /** Told once per loss of the connection, and when the bridge gives up after a fault of its own. */
  readonly warn: (fields: object, text: string) => void;
  readonly retryMs?: number;
}

export interface StatelyBridge {
  readonly inspect: (event: InspectionEvent) => void;
  /** Messages that were left out because the server reads too slowly. */
  leftOut(): number;
  close(): void;
}

/** Bytes that wait for a slow server; beyond them events are left out and states told once it reads again. */
const maxUnsent = 1_000_000;
/** Machines whose move waits for it. A server that lags this far is left and met again with everything as it is then. */
const maxWaiting = 2000;
const flushMs = 100;

/**
 * Tells a server of @statelyai/inspect what the machines do, for those who use Stately's inspector. Nothing is kept while
 * it is away: at each connection the machines that run are introduced as they are. States are told at most every tenth of
 * a second per machine, the last one always.
 */
export function createStatelyBridge(options: BridgeOptions): StatelyBridge {
  const { url, machines, redact, warn, retryMs = 5000 } = options;
  const moved = new Map<AnyActorRef, { readonly type: string }>();
  let socket: WebSocket | undefined;
  let retry: NodeJS.Timeout | undefined;
  let flushing: NodeJS.Timeout | undefined;
  let left = 0;
  let closed = false;
  let lost = false;

  const isOpen = (): boolean => socket?.readyState === WebSocket.OPEN;
  const isSlow = (): boolean => (socket?.bufferedAmount ?? 0) > maxUnsent;

  function connect(): void {
    socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      lost = false;
      for (const { ref } of machines.live()) socket?.send(actorMessage(ref, machines, redact));
    });
    // A refused connection reports an error and then its close.
    socket.addEventListener("error", () => undefined);
    socket.addEventListener("close", () => {
      moved.clear();
      if (closed) return;
      if (!lost) warn({ url }, "no connection to the server of @statelyai/inspect, trying again");
      lost = true;
      retry = setTimeout(connect, retryMs);
      retry.unref();
    });
  }

  function tell(event: InspectionEvent): void {
    const ref = event.actorRef as AnyActorRef;
    if (machineOf(ref) === undefined) return;
    if (event.type === "@xstate.microstep") {
      moved.set(ref, event.event);
      flushing ??= setTimeout(flush, flushMs).unref();
    } else if (event.type === "@xstate.event") {
      if (isSlow()) left += 1;
      else if (event.event.type === "xstate.init") socket?.send(actorMessage(ref, machines, redact));
      else socket?.send(eventMessage(event, redact));
    }
  }

  function flush(): void {
    flushing = undefined;
    if (!isOpen()) moved.clear();
    else if (moved.size > maxWaiting) socket?.close();
    else if (isSlow()) {
      flushing = setTimeout(flush, flushMs).unref();
    } else {
      for (const [ref, event] of moved) socket?.send(snapshotMessage(ref, event, machines, redact));
      moved.clear();
    }
  }

  /** A fault of the bridge must not reach the machine in whose step it is called. */
  function guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      closed = true;
      socket?.close();
      warn({ err: error }, "the bridge to @statelyai/inspect is closed after a fault");
    }
  }

  guarded(connect);
  return {
    inspect(event) {
      if (!closed && isOpen()) guarded(() => tell(event));
    },
    leftOut: () => left,
    close() {
      closed = true;
      clearTimeout(retry);
      clearTimeout(flushing);
      socket?.close();
    },
  };
}
