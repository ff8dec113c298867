import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */
import type { Artifact } from './detection.js';
import { requireDigest } from './digest.js';
import { fetchText, fetchVerified } from './download.js';
import { configureWasm, type Engine, type LoadedRuntime } from './engine.js';
import { asDetectorError, DetectorError } from './errors.js';
import type { FetchFile, Platform } from './host.js';
import type { LoadOrder } from './protocol.js';
import type * as Tokens from './tokens.js';
import { WASM } from './wasm.js';

/** Node, and what takes its programs: files from disk or over http, runtimes from packages. */
export class NodePlatform implements Platform {
  readonly thread: Artifact['thread'];

  constructor(thread: Artifact['thread']) {
    this.thread = thread;
  }

  async text(url: string): Promise<string> {
    return isOnDisk(url) ? (await read(url)).toString('utf8') : fetchText(url);
  }

  readonly file: Platform['file'] = async (file, _, onProgress) => {
    if (!isOnDisk(file.url)) return fetchVerified(file, null, onProgress);
    const { url, sha256, bytes: total } = file;
    const bytes = await read(url);
    requireDigest(url, sha256, createHash('sha256').update(bytes).digest('hex'));
    onProgress({ phase: 'download', url, loaded: total, total, source: 'disk' });
    return bytes;
  };

  readonly tokensInput: typeof Tokens.tokensInput = async (...inputs) => {
    const { tokensInput } = await import('./tokens.js');
    return tokensInput(...inputs).catch((cause: unknown) => {
      throw asDetectorError(cause, 'runtime_failed');
    });
  };

  async processor(
    { device, wasmUrl: url }: LoadOrder,
    fetchFile: FetchFile,
  ): Promise<LoadedRuntime> {
    if (device === 'native') return { runtime: await native(), provider: 'cpu' };
    configureWasm(env, await fetchFile({ url, ...WASM }));
    return { runtime: { InferenceSession, Tensor }, provider: 'wasm' };
  }

  async graphics(): Promise<Engine> {
    throw new DetectorError('runtime_failed', 'there is no WebGPU here');
  }
}

function native(): Promise<typeof import('onnxruntime-node')> {
  return import('onnxruntime-node').catch((cause: unknown) => {
    const message = 'onnxruntime-node did not load: npm install onnxruntime-node';
    throw new DetectorError('runtime_failed', message, { cause });
  });
}

function isOnDisk(url: string): boolean {
  return url.startsWith('file:');
}

async function read(url: string): Promise<Buffer<ArrayBuffer>> {
  return readFile(new URL(url)).catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', `${url} could not be read`, { cause });
  });
}
