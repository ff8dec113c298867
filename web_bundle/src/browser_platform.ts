import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */
import type { Artifact } from './detection.js';
import { fetchText, fetchVerified } from './download.js';
import { configureWasm, type Engine, type LoadedRuntime } from './engine.js';
import { DetectorError } from './errors.js';
import { FileCache } from './file_cache.js';
import type { FetchFile, Platform } from './host.js';
import type { LoadOrder } from './protocol.js';
import type * as Tokens from './tokens.js';
import { WASM_BYTES, WASM_SHA256 } from './wasm.js';

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

  readonly tokensInput: typeof Tokens.tokensInput = async (...inputs) => {
    // Bundlers copy the script by this very expression, and leave the import as it is (build/scripts.mjs).
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

  async graphics(): Promise<Engine> {
    throw new DetectorError('runtime_failed', 'no WebGPU');
  }

  async #start(url: string, fetchFile: FetchFile): Promise<LoadedRuntime> {
    configureWasm(env, await fetchFile({ url, sha256: WASM_SHA256, bytes: WASM_BYTES }));
    return { runtime: { InferenceSession, Tensor }, provider: 'wasm' };
  }
}

function imported<T>(script: Promise<T>): Promise<T> {
  return script.catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', 'tokens.js did not load', { cause });
  });
}
