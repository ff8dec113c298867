import type { CatalogueEntry } from './catalogue.js';
import { Page } from './page.js';
import { trustScripts } from './trusted_scripts.js';

/** A file that this page holds: bytes, gzipped, in base64. */
interface Held {
  readonly catalogue: { readonly models: readonly CatalogueEntry[] };
  /** By the path that each has in a static folder. */
  readonly files: Readonly<Record<string, string>>;
}

const GRAPH = 'model.onnx';

/**
 * Files as data: addresses.
 *
 * A page from the disk has an origin of its own kind: no worker of it may be a module at a blob:
 * address, and a worker at a data: address may not read blob: ones.
 */
class HeldFiles {
  readonly #files: Readonly<Record<string, string>>;

  constructor(files: Readonly<Record<string, string>>) {
    this.#files = files;
  }

  async url(path: string, type: string): Promise<URL> {
    const held = this.#files[path];
    if (held === undefined) throw new Error(`this page holds no ${path}`);
    const packed = Uint8Array.from(atob(held), (letter) => letter.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return dataUrl(new Blob([await new Response(unpacked).arrayBuffer()], { type }));
  }
}

function dataUrl(blob: Blob): Promise<URL> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(new URL(String(reader.result))));
    reader.addEventListener('error', () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}

/** The page as one file: what it runs, and the models, are in it. */
async function start(): Promise<void> {
  const { catalogue, files }: Held = JSON.parse(
    document.getElementById('held')?.textContent ?? '{}',
  );
  const held = new HeldFiles(files);
  const workerUrl = await held.url('worker.js', 'text/javascript');
  const wasmUrl = await held.url('ort-wasm-simd-threaded.wasm', 'application/wasm');
  trustScripts(workerUrl);
  new Page({
    models: () => Promise.all(catalogue.models.map((entry) => modelOf(entry, held))),
    server: async () => null,
    parts: { workerUrl, wasmUrl, cache: false },
    later: {
      batch: () => import('./batch/view.js'),
      compare: () => import('./compare/view.js'),
      served: () => Promise.reject(new Error('a file has no server')),
    },
  }).start();
}

async function modelOf(entry: CatalogueEntry, held: HeldFiles) {
  const folder = entry.manifest.replace(/[^/]*$/, '');
  return {
    reference: `${entry.model_id}@${entry.version}`,
    digest: entry.digest,
    bytes: entry.bytes,
    manifestUrl: await held.url(`models/${entry.manifest}`, 'application/json'),
    modelUrl: await held.url(`models/${folder}${GRAPH}`, 'application/octet-stream'),
    serverManifestUrl: null,
  };
}

void start();
