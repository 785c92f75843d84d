import type { Session } from "node:inspector";

/** A command of the DevTools protocol, such as "Profiler.start". */
export type DevtoolsCommand = readonly [method: string, params?: object];

/**
 * Runs commands in one session of V8's inspector of the calling thread, within the call, and gives the answer to the last. The first
 * opens the session, and `last` closes it. Throws what a command failed of.
 */
export type Devtools = (commands: readonly DevtoolsCommand[], last: boolean) => unknown;

export function createDevtools(): Devtools {
  let session: Session | undefined;

  function open(): Session {
    // Not imported above: nothing of it is loaded before somebody asks.
    const opened = new (process.getBuiltinModule("node:inspector").Session)();
    opened.connect();
    return opened;
  }

  return (commands, last) => {
    session ??= open();
    try {
      return commands.reduce<unknown>(
        (_, [method, params]) => post(session as Session, method, params),
        undefined,
      );
    } finally {
      if (last) {
        session.disconnect();
        session = undefined;
      }
    }
  };
}

/** V8 answers a profiler's commands before `post` returns. */
function post(session: Session, method: string, params: object | undefined): unknown {
  let answer: { readonly error: Error | null; readonly value: unknown } | undefined;
  session.post(method, params, (error: Error | null, value: unknown) => {
    answer = { error, value };
  });
  if (answer === undefined) throw new Error(`${method} was not answered at once`);
  if (answer.error !== null) throw answer.error;
  return answer.value;
}
