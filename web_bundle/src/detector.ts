import { type Answer, Channel } from './channel.js';
import type { Artifact } from './detection.js';
import type { OnProgress } from './download.js';
import { DetectorError } from './errors.js';
import type { ArtifactLocation } from './protocol.js';
import { type Detector, type Score, type Scorer, ScoringDetector } from './scorer.js';

/** Where the parts are. Relative URLs are relative to the page. */
export interface DetectorOptions {
  /** The artifact's manifest.json. */
  readonly manifestUrl: string | URL;
  /** The graph; beside the manifest unless said otherwise. */
  readonly modelUrl?: string | URL;
  /** The tokenizer, for a graph that reads tokens; beside the manifest unless said otherwise. */
  readonly tokenizerUrl?: string | URL;
  /** onnxruntime's WebAssembly; beside this script unless said otherwise. */
  readonly wasmUrl?: string | URL;
  /** The worker script, of this page's origin; beside this script unless said otherwise. */
  readonly workerUrl?: string | URL;
  /** Refuse any artifact but this one. */
  readonly expectedDigest?: string;
  /** Keep verified files in Cache Storage, by their sha256; true unless said otherwise. */
  readonly cache?: boolean;
  /** Is told of every part of a file that comes. */
  readonly onProgress?: OnProgress;
}

/**
 * Loads an artifact into a worker of its own; every file is verified before it is used.
 *
 * @throws DetectorError `fetch_failed`, `bad_manifest`, `digest_mismatch`, `unsupported_model` or
 *   `runtime_failed`.
 */
export async function createDetector(options: DetectorOptions): Promise<Detector> {
  const channel = new Channel(startWorker(options.workerUrl));
  try {
    const artifact = await load(channel, options);
    return new ScoringDetector(artifact, new WorkerScorer(channel));
  } catch (error) {
    channel.close(new DetectorError('aborted', 'loading failed'));
    throw error;
  }
}

async function load(channel: Channel, options: DetectorOptions): Promise<Artifact> {
  const request = { kind: 'load', location: locationOf(options) } as const;
  return loaded(await channel.send(request, options.onProgress));
}

/** The engine behind a worker. */
class WorkerScorer implements Scorer {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  async score(texts: readonly string[], tokenLevel: boolean): Promise<Score[]> {
    return scored(await this.#channel.send({ kind: 'score', texts, tokenLevel }));
  }

  async close(): Promise<void> {
    this.#channel.close(new DetectorError('aborted', 'the detector was disposed'));
  }
}

// Bundlers find the worker and the WebAssembly by these very expressions.
function startWorker(url: string | URL | undefined): Worker {
  return url === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(url, { type: 'module' });
}

function locationOf(options: DetectorOptions): ArtifactLocation {
  const { manifestUrl, modelUrl, tokenizerUrl, wasmUrl, expectedDigest } = options;
  return {
    manifestUrl: absolute(manifestUrl),
    modelUrl: modelUrl ? absolute(modelUrl) : null,
    tokenizerUrl: tokenizerUrl ? absolute(tokenizerUrl) : null,
    wasmUrl: absolute(wasmUrl ?? new URL('./ort-wasm-simd-threaded.wasm', import.meta.url)),
    expectedDigest: expectedDigest ?? null,
    cached: options.cache ?? true,
  };
}

function absolute(url: string | URL): string {
  return new URL(url, document.baseURI).href;
}

function loaded(answer: Answer): Artifact {
  if (answer.kind !== 'loaded') throw unexpected(answer);
  return answer.artifact;
}

function scored(answer: Answer): Score[] {
  if (answer.kind !== 'scored') throw unexpected(answer);
  return answer.scores;
}

function unexpected(answer: Answer): DetectorError {
  return new DetectorError('runtime_failed', `the worker answered "${answer.kind}"`);
}
