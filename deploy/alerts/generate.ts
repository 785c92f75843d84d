/** `npm run alerts` writes the alert rules and the dashboard; `npm test` fails when they differ from the machines. */
import { writeRules } from "./rules-file.ts";

await writeRules();
