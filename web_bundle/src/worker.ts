import * as runtime from 'onnxruntime-web/wasm';
import { artifactOf } from './detection.js';
import { fetchText, fetchVerified } from './download.js';
import { configureWasm, Engine } from './engine.js';
import { asDetectorError, DetectorError } from './errors.js';
import { type Manifest, modelFile, parseManifest } from './manifest.js';
import type { ArtifactLocation, Envelope, Reply, Request } from './protocol.js';
import { WASM_SHA256 } from './wasm.js';

declare const self: DedicatedWorkerGlobalScope;

/** Browsers compile what runs for the first time: better while loading than in the first answer. */
const WARM_UP = 'Words to warm up with: naïve, “quoted”, and 3 more. '.repeat(8);

/** Answers requests with one engine, which the first `load` makes. */
class WorkerSide {
  #engine: Engine | undefined;

  async answer(request: Request): Promise<Reply> {
    switch (request.kind) {
      case 'load':
        return this.#load(request.location);
      case 'score':
        return { kind: 'scored', scores: await this.#loaded().score(request.texts) };
      default:
        return request satisfies never;
    }
  }

  async #load(location: ArtifactLocation): Promise<Reply> {
    const [wasm, [manifest, model]] = await Promise.all([
      fetchVerified(location.wasmUrl, WASM_SHA256),
      fetchArtifact(location),
    ]);
    configureWasm(runtime.env, wasm);
    const engine = await Engine.load(runtime, manifest, model, 'wasm');
    await engine.score([WARM_UP]);
    this.#engine = engine;
    return { kind: 'loaded', artifact: artifactOf(manifest, 'wasm') };
  }

  #loaded(): Engine {
    if (this.#engine === undefined) throw new DetectorError('runtime_failed', 'nothing is loaded');
    return this.#engine;
  }
}

async function fetchArtifact(location: ArtifactLocation): Promise<[Manifest, Uint8Array]> {
  const text = await fetchText(location.manifestUrl);
  const manifest = parseManifest(text, location.expectedDigest ?? undefined);
  const { path, sha256 } = modelFile(manifest);
  const url = location.modelUrl ?? new URL(path, location.manifestUrl).href;
  return [manifest, await fetchVerified(url, sha256)];
}

function failure(cause: unknown): Reply {
  const { code, message } = asDetectorError(cause, 'runtime_failed');
  return { kind: 'failed', code, message };
}

const side = new WorkerSide();
self.addEventListener('message', async (event: MessageEvent<Envelope<Request>>) => {
  const content = await side.answer(event.data.content).catch(failure);
  self.postMessage({ id: event.data.id, content } satisfies Envelope<Reply>);
});
