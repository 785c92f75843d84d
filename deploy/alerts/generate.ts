/** `npm run alerts` writes the alert rules and the dashboard; `npm test` fails when they differ from the machines. */
import { writeDashboard } from "../dashboards/dashboard.ts";
import { writeRules } from "./rules-file.ts";

await Promise.all([writeRules(), writeDashboard()]);
