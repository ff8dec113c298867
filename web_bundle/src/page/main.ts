import { staticModels } from './catalogue.js';
import { importLater } from './later.js';
import { keepOffline } from './offline.js';
import { Page } from './page.js';
import type * as Served from './server.js';
import { trustScripts } from './trusted_scripts.js';

const root = new URL('./', document.baseURI);
const workerUrl = new URL('./worker.js', import.meta.url);
const serviceWorkerUrl = new URL('./service_worker.js', root);

/** What has to do with servers, which a page without one does not load. */
function served(): Promise<typeof Served> {
  return importLater('later-server');
}

/** The server that server.json names; one that hands out this page names itself there. */
async function server(): Promise<Served.Server | null> {
  const url = new URL('./server.json', root);
  const response = await fetch(url, { cache: 'no-cache' }).catch(() => null);
  const named: { server: string | null } = response?.ok ? await response.json() : { server: null };
  return named.server === null ? null : (await served()).findServer(new URL(named.server, url));
}

trustScripts(root);
new Page({
  models: () => staticModels(new URL('./models/index.json', root)),
  server,
  parts: { workerUrl, wasmUrl: new URL('./ort-wasm-simd-threaded.wasm', root), cache: true },
  later: {
    batch: () => importLater('later-batch'),
    compare: () => importLater('later-compare'),
    served,
  },
}).start();
keepOffline(serviceWorkerUrl);
