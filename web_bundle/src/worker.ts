import { BrowserPlatform } from './browser_platform.js';
import { LocalHost } from './host.js';
import type { Envelope, Request } from './protocol.js';
import { serve } from './serve.js';

declare const self: DedicatedWorkerGlobalScope;

const answer = serve(new LocalHost(new BrowserPlatform('worker')), (message) =>
  self.postMessage(message),
);
self.addEventListener('message', ({ data }: MessageEvent<Envelope<Request>>) => void answer(data));
