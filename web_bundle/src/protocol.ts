import type { Artifact } from './detection.js';
import type { ErrorCode } from './errors.js';
import type { Progress } from './progress.js';
import type { Score } from './scorer.js';

/** What runs a graph: WebAssembly, the graphics card, whichever of them can, or onnxruntime-node. */
export type Device = 'wasm' | 'webgpu' | 'auto' | 'native';

/** Where an artifact is, in absolute URLs. */
export type ArtifactSource =
  | {
      readonly kind: 'manifest';
      readonly manifestUrl: string;
      readonly modelUrl: string | null;
      readonly tokenizerUrl: string | null;
      readonly signatureUrl: string | null;
    }
  | { readonly kind: 'catalogue'; readonly baseUrl: string; readonly model: string | null };

/** What is to be loaded, and how. */
export interface LoadOrder {
  readonly source: ArtifactSource;
  /** The folder of the WebAssembly files, or one of them. */
  readonly wasmUrl: string;
  readonly expectedDigest: string | null;
  readonly publicKey: string | null;
  /** Whether verified files are kept in Cache Storage. */
  readonly cached: boolean;
  readonly device: Device;
}

/** What is asked of a worker. */
export type Request =
  | { readonly kind: 'load'; readonly order: LoadOrder }
  | { readonly kind: 'score'; readonly texts: readonly string[]; readonly tokenLevel: boolean };

/** What a worker answers. */
export type Reply =
  | { readonly kind: 'loaded'; readonly artifact: Artifact }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'scored'; readonly scores: Score[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** A request or reply on its way; replies carry their request's id, of which `progress` is not the last. */
export interface Envelope<Content> {
  readonly id: number;
  readonly content: Content;
}
