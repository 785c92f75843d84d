import type { DoctorFacts, DoctorSettings } from "../domain/doctor/facts.ts";

/** Reads everything that the checks of `doctor` go by. Changes nothing on the node, and never throws: what cannot be read is a fact. */
export interface DoctorFactsReader {
  read(settings: DoctorSettings, said: (step: string) => void, signal: AbortSignal): Promise<DoctorFacts>;
}
