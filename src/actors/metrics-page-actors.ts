import { fromCallback } from "xstate";
import type { MetricsPageEvent, MetricsPageInput } from "../../machines/metrics-page/metrics-page-machine.ts";
import { toFailure } from "../domain/failure.ts";
import type { MetricsPage, OpenMetricsPage } from "../ports/metrics-page.ts";

/** Effects of the machine of the page that pods may read. */
export function metricsPageActors(metricsPage: MetricsPage) {
  return {
    page: fromCallback<MetricsPageEvent, MetricsPageInput>(({ input, sendBack }) => {
      let open: OpenMetricsPage | undefined;
      let ended = false;
      const tell = (event: MetricsPageEvent) => sendBack(event);
      metricsPage
        .open(input.addresses)
        .then((opened) => {
          open = opened;
          if (ended) return opened.close();
          tell({ type: "page.open" });
          return undefined;
        })
        .catch((error: unknown) => tell({ type: "page.failed", failure: toFailure(error) }));
      return () => {
        ended = true;
        void open?.close();
      };
    }),
  };
}
