import { staticModels } from './catalogue.js';
import { importLater } from './later.js';
import { keepOffline } from './offline.js';
import { Page } from './page.js';
import { findServer } from './server.js';
import { trustScripts } from './trusted_scripts.js';

const root = new URL('./', document.baseURI);
const workerUrl = new URL('./worker.js', import.meta.url);
const serviceWorkerUrl = new URL('./service_worker.js', root);

trustScripts(root);
new Page({
  models: () => staticModels(new URL('./models/index.json', root)),
  server: () => findServer(new URL('./server.json', root)),
  parts: { workerUrl, wasmUrl: new URL('./ort-wasm-simd-threaded.wasm', root), cache: true },
  later: {
    batch: () => importLater('later-batch'),
    compare: () => importLater('later-compare'),
    hybrid: () => importLater('later-hybrid'),
  },
}).start();
keepOffline(serviceWorkerUrl);
