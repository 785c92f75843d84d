import type { ServiceCidr } from "./kubernetes-objects.ts";
import type { WatchNews } from "./kubernetes-watch.ts";

type ServiceCidrNews = Extract<
  WatchNews,
  { readonly type: "watch.listed" | "watch.changed"; readonly source: "serviceCidrs" }
>;

/** The objects after a list or changes. */
export function hearServiceCidrs(
  known: readonly ServiceCidr[],
  news: ServiceCidrNews,
): readonly ServiceCidr[] {
  if (news.type === "watch.listed") return news.items;
  return news.changes.reduce<readonly ServiceCidr[]>((objects, { kind, item }) => {
    const others = objects.filter(({ name }) => name !== item.name);
    return kind === "put" ? [...others, item] : others;
  }, known);
}

/** What Services may have addresses of: each prefix once, always in the same order. */
export function servicePrefixes(objects: readonly ServiceCidr[]): readonly string[] {
  return [...new Set(objects.flatMap(({ prefixes }) => prefixes))].sort();
}
