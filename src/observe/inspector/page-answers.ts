import type { ServerResponse } from "node:http";
import { jsonAnswer, sendAnswer } from "../pages/http-routes.ts";
import type { PageFile, PageFiles } from "./page-files.ts";

/** Nothing but what this server sends, no frames, no forms: the page needs no more. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const safeHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
};

export const streamHeaders = { ...safeHeaders, "content-type": "text/event-stream; charset=utf-8" };

export function send(response: ServerResponse, file: PageFile): void {
  sendAnswer(response, { status: 200, ...file, headers: safeHeaders });
}

export function refuse(response: ServerResponse, status: number, error: string): void {
  sendAnswer(response, { ...jsonAnswer(status, { error }), headers: safeHeaders });
}

/** The file of the page that the URL names. */
export function sendFile(response: ServerResponse, files: PageFiles, { pathname }: URL): void {
  const file = files[pathname];
  if (file === undefined) refuse(response, 404, "no such page; the inspector is at /inspect");
  else send(response, file);
}
