import type { HttpAnswer } from "../pages/http-routes.ts";

/** A file of the page as it is sent. */
export type PageFile = Pick<HttpAnswer, "contentType" | "body">;

/** The page's files by path below the server's root: "/inspect", "/inspect/page.js". */
export type PageFiles = Readonly<Record<string, PageFile>>;

/**
 * Loads the page: in a bundle a module that the build made beside this one; from source it is built now. Neither is part
 * of this module, so a daemon without the inspector holds nothing of it. Rejects when the installation is incomplete.
 */
export async function loadPageFiles(): Promise<PageFiles> {
  const fromSource = import.meta.url.endsWith(".ts");
  const place = fromSource ? "../../../deploy/inspector-page.ts" : "./inspector-page.mjs";
  const module: { readonly pageFiles: () => Promise<PageFiles> } = await import(
    new URL(place, import.meta.url).href
  );
  return await module.pageFiles();
}
