import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */
import { artifactOf } from './detection.js';
import { fetchText, fetchVerified, type OnProgress } from './download.js';
import { configureWasm, Engine } from './engine.js';
import { asDetectorError, DetectorError } from './errors.js';
import { FileCache } from './file_cache.js';
import { type ArtifactFile, type Manifest, modelFile, parseManifest } from './manifest.js';
import type { ArtifactLocation, Envelope, Reply, Request } from './protocol.js';
import type * as Tokens from './tokens.js';
import { WASM_BYTES, WASM_SHA256 } from './wasm.js';

declare const self: DedicatedWorkerGlobalScope;

/** Browsers compile what runs for the first time: better while loading than in the first answer. */
const WARM_UP = 'Words to warm up with: naïve, “quoted”, and 3 more. '.repeat(8);

/** Answers requests with one engine, which the first `load` makes. */
class WorkerSide {
  #engine: Engine | undefined;

  async answer(request: Request, onProgress: OnProgress): Promise<Reply> {
    switch (request.kind) {
      case 'load':
        return this.#load(request.location, onProgress);
      case 'score':
        return {
          kind: 'scored',
          scores: await this.#loaded().score(request.texts, request.tokenLevel),
        };
      default:
        return request satisfies never;
    }
  }

  async #load(location: ArtifactLocation, onProgress: OnProgress): Promise<Reply> {
    const fetchFile = (url: string, { sha256, bytes }: Verifiable) =>
      fetchVerified({ url, sha256, bytes }, location.cached ? new FileCache() : null, onProgress);
    const [wasm, { manifest, model, tokens }] = await Promise.all([
      fetchFile(location.wasmUrl, { sha256: WASM_SHA256, bytes: WASM_BYTES }),
      fetchArtifact(location, fetchFile),
    ]);
    configureWasm(env, wasm);
    const engine = await Engine.load({ InferenceSession, Tensor }, manifest, model, 'wasm', tokens);
    await engine.score([WARM_UP], false);
    this.#engine = engine;
    return { kind: 'loaded', artifact: artifactOf(manifest, 'wasm') };
  }

  #loaded(): Engine {
    if (this.#engine === undefined) throw new DetectorError('runtime_failed', 'nothing is loaded');
    return this.#engine;
  }
}

type Verifiable = Pick<ArtifactFile, 'sha256' | 'bytes'>;
type FetchFile = (url: string, file: Verifiable) => Promise<Uint8Array>;

interface Fetched {
  readonly manifest: Manifest;
  readonly model: Uint8Array;
  readonly tokens: Tokens.TokensInput | null;
}

async function fetchArtifact(location: ArtifactLocation, fetchFile: FetchFile): Promise<Fetched> {
  const text = await fetchText(location.manifestUrl);
  const manifest = parseManifest(text, location.expectedDigest ?? undefined);
  const fetched = (file: ArtifactFile, url: string | null) =>
    fetchFile(url ?? new URL(file.path, location.manifestUrl).href, file);
  const [model, tokens] = await Promise.all([
    fetched(modelFile(manifest), location.modelUrl),
    manifest.input.kind === 'text'
      ? null
      : tokensInput(manifest, (file) => fetched(file, location.tokenizerUrl)),
  ]);
  return { manifest, model, tokens };
}

// Bundlers copy the script by this very expression, and leave the import as it is (build/scripts.mjs).
const tokensInput: typeof Tokens.tokensInput = async (...inputs) => {
  const url = new URL('./tokens.js', import.meta.url).href;
  const script: typeof Tokens = await import(url).catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', 'tokens.js did not load', { cause });
  });
  return script.tokensInput(...inputs);
};

function failure(cause: unknown): Reply {
  const { code, message } = asDetectorError(cause, 'runtime_failed');
  return { kind: 'failed', code, message };
}

const side = new WorkerSide();
self.addEventListener('message', async (event: MessageEvent<Envelope<Request>>) => {
  const reply = (content: Reply) =>
    self.postMessage({ id: event.data.id, content } satisfies Envelope<Reply>);
  const onProgress: OnProgress = (progress) => reply({ kind: 'progress', progress });
  reply(await side.answer(event.data.content, onProgress).catch(failure));
});
