import { HeadcniError } from "../../domain/failure.ts";
import type { WireFailure } from "../../ports/wire.ts";

/** What the ports of the wire throw. */
export class WireError extends HeadcniError<WireFailure> {}
