import type { Artifact } from './detection.js';
import type { Progress } from './download.js';
import type { ErrorCode } from './errors.js';
import type { Score } from './scorer.js';

/** Where a worker finds an artifact, as absolute URLs. */
export interface ArtifactLocation {
  readonly manifestUrl: string;
  readonly modelUrl: string | null;
  readonly tokenizerUrl: string | null;
  readonly wasmUrl: string;
  readonly expectedDigest: string | null;
  /** Whether verified files are kept in Cache Storage. */
  readonly cached: boolean;
}

/** What the page asks of the worker. */
export type Request =
  | { readonly kind: 'load'; readonly location: ArtifactLocation }
  | { readonly kind: 'score'; readonly texts: readonly string[]; readonly tokenLevel: boolean };

/** What the worker answers. */
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
