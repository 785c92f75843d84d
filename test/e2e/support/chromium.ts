import { type Browser, chromium } from "playwright-core";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { stderrProgress } from "../../lab/progress.ts";

/** What the browser needs: Debian's Chromium, and a font of each kind that the page uses. */
export const browserNeeds = {
  chromium: "chromium",
  "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
  "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf": "fonts-dejavu-core",
};

export const chromiumPath = "/usr/bin/chromium";

/**
 * Debian's Chromium, installed when it is missing, with further words of its command line. `executablePath` may be a program that becomes
 * it. Whoever gets it closes it.
 */
export async function openChromium(
  args: readonly string[] = [],
  executablePath = chromiumPath,
): Promise<Browser> {
  await ensurePackages(stderrProgress(), browserNeeds);
  return await chromium.launch({
    executablePath,
    // As root Chromium has no sandbox; a container's /dev/shm is small.
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--enable-precise-memory-info",
      ...args,
    ],
    timeout: 120_000,
  });
}
