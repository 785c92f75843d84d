import { HeadcniError } from "../../../domain/failure.ts";

export type ConnectTestFailure =
  /** The plugin refused or did not answer. */
  | { readonly code: "PLUGIN_FAILED"; readonly cniCode?: number }
  /** A process of the test ended, or answered what it should not. */
  | { readonly code: "HELPER_FAILED" }
  /** Asked for something that it cannot do in this state. */
  | { readonly code: "REFUSED" };

/** What stops a part of a connect-test. */
export class ConnectTestError extends HeadcniError<ConnectTestFailure> {}
