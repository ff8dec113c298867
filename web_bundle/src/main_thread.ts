// A script of its own, loaded only where a detector is to run in the thread that asks for it.
import { BrowserPlatform } from './browser_platform.js';
import { type Host, LocalHost } from './host.js';

const platform = new BrowserPlatform('main');

/** A host in this thread. */
export function hostHere(): Host {
  return new LocalHost(platform);
}
