import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */
import type { Artifact } from './detection.js';
import { fetchText, fetchVerified } from './download.js';
import { configureWasm, Engine, type LoadedRuntime } from './engine.js';
import { DetectorError } from './errors.js';
import { FileCache } from './file_cache.js';
import { adapterFor } from './graphics.js';
import type { FetchFile, Parts, Platform } from './host.js';
import type { LoadOrder } from './protocol.js';
import type * as Tokens from './tokens.js';
import { WASM, WEBGPU_WASM } from './wasm.js';
import type * as Webgpu from './webgpu.js';

/** A page or a worker of one. onnxruntime is started once, and serves every engine of the thread. */
export class BrowserPlatform implements Platform {
  readonly thread: Artifact['thread'];
  #processor: Promise<LoadedRuntime> | undefined;

  constructor(thread: Artifact['thread']) {
    this.thread = thread;
  }

  readonly text = fetchText;

  readonly file: Platform['file'] = (file, cached, onProgress) =>
    fetchVerified(file, cached ? new FileCache() : null, onProgress);

  // Bundlers copy the scripts by these very expressions, and leave the imports as they are (build/scripts.mjs).
  readonly tokensInput: typeof Tokens.tokensInput = async (...inputs) => {
    const script = await imported<typeof Tokens>(
      import(new URL('./tokens.js', import.meta.url).href),
    );
    return script.tokensInput(...inputs);
  };

  processor({ wasmUrl }: LoadOrder, fetchFile: FetchFile): Promise<LoadedRuntime> {
    this.#processor ??= this.#start(wasmUrl, fetchFile).catch((error: unknown) => {
      this.#processor = undefined;
      throw error;
    });
    return this.#processor;
  }

  async graphics({ device }: LoadOrder, parts: Parts, fetchFile: FetchFile): Promise<Engine> {
    const adapter = await adapterFor(parts.manifest, device);
    const url = new URL('./ort-wasm-simd-threaded.jspi.wasm', import.meta.url).href;
    const [script, wasm] = await Promise.all([
      imported<typeof Webgpu>(import(new URL('./webgpu.js', import.meta.url).href)),
      fetchFile({ url, ...WEBGPU_WASM }),
    ]);
    return script.graphicsEngine(adapter, wasm, (loaded) => Engine.load(loaded, parts));
  }

  async #start(url: string, fetchFile: FetchFile): Promise<LoadedRuntime> {
    configureWasm(env, await fetchFile({ url, ...WASM }));
    return { runtime: { InferenceSession, Tensor }, provider: 'wasm' };
  }
}

function imported<T>(script: Promise<T>): Promise<T> {
  return script.catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', 'a script did not load', { cause });
  });
}
