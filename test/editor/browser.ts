import { type Browser, chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', // containers of CI run as root, where Chromium's sandbox does not start
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a headless Chromium with a fresh profile. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS });
}
