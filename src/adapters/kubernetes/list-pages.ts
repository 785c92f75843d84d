import { z } from "zod";
import { goList } from "../json/go-list.ts";
import type { ApiTransport } from "./api-transport.ts";
import { unreadable } from "./watch-events.ts";

const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  items: goList(z.unknown()),
});

/** Objects of one page: small enough to be parsed without holding up the daemon for long. */
const pageSize = 250;

/**
 * A complete list in pages, for servers without watch-list; `take` gets each object as it comes. Gives the
 * resourceVersion of the whole. Throws KubernetesRequestError; EXPIRED when a later page came too late.
 */
export async function listPages(
  transport: ApiTransport,
  target: { readonly path: string; readonly query: Readonly<Record<string, string>> },
  take: (object: unknown) => void,
  signal: AbortSignal,
): Promise<string> {
  let token: string | undefined;
  for (;;) {
    const query = {
      ...target.query,
      limit: String(pageSize),
      ...(token === undefined ? {} : { continue: token }),
    };
    const page = pageSchema.safeParse(
      await transport.call({ method: "GET", path: target.path, query }, signal),
    );
    if (!page.success) throw unreadable("a list without resourceVersion or items");
    page.data.items.forEach(take);
    token = page.data.metadata.continue;
    if (token === undefined || token === "") return page.data.metadata.resourceVersion;
  }
}
