import { HeadcniError } from "../../domain/failure.ts";
import type { FirewallFailure } from "../../ports/firewall.ts";

export class FirewallProgramError extends HeadcniError<FirewallFailure> {}
