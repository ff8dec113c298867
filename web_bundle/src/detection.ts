import { type Caution, cautions } from './cautions.js';
import { type Manifest, modelFile } from './manifest.js';
import type { Score } from './scorer.js';

/** Execution providers, by onnxruntime's names. */
export type Provider = 'wasm' | 'webgpu' | 'cpu';

/** A loaded artifact: what was verified, and what runs it. */
export interface Artifact {
  readonly manifest: Manifest;
  /** The artifact's identity, recomputed here. */
  readonly digest: string;
  /** sha256 of the graph that is loaded. */
  readonly modelSha256: string;
  readonly provider: Provider;
  /** Where it runs: a worker of the detector's own, or the thread that made it. */
  readonly thread: 'worker' | 'main';
  /** What was to run it and could not. */
  readonly fallbacks: readonly Fallback[];
}

/** What was tried before, and why it did not answer. */
export interface Fallback {
  readonly backend: string;
  readonly reason: string;
}

/** The answer for one text: the fields every backend gives. */
export interface Detection {
  /** 1 (AI) where the probability reaches the threshold, else 0 (human). */
  readonly prediction: 0 | 1;
  /** That an AI wrote the text, 0 to 1: the graph's float32, unrounded. */
  readonly probability: number;
  /** |2 × probability − 1|. */
  readonly confidence: number;
  readonly is_fake: boolean;
  readonly backend: 'client_side' | 'local' | 'modal';
  readonly model_id: string;
  /** From the call to the answer. */
  readonly latency_ms: number;
  readonly metadata: DetectionMetadata;
}

/** A part of the text, judged as if it were all; places are code points. */
export interface JudgedSegment {
  readonly start: number;
  readonly end: number;
  readonly probability: number;
  /** Of its tokens, as the whole text was read; null unless the model is a language model's. */
  readonly mean_log_probability: number | null;
}

/** What was judged, and what decides. */
export interface Judged {
  readonly text: string;
  readonly score: Score;
  readonly threshold: number;
  readonly segments: readonly JudgedSegment[] | null;
}

/** How the answer came about. */
export interface DetectionMetadata {
  readonly artifact_digest: string;
  readonly model_sha256: string;
  readonly model_version: string;
  /** What follows `+` in the model's id; null for the model itself. */
  readonly variant: string | null;
  /** onnxruntime's name; a server has others. */
  readonly provider: string | null;
  readonly quantization: string;
  /** Of the text itself, without special ones; null where the graph reads text. */
  readonly tokens: number | null;
  /** Null where the backend does not say. */
  readonly windows: number | null;
  readonly truncated: boolean | null;
  readonly threshold: number;
  /** Why the answer should not be relied on. */
  readonly warnings: readonly Caution[];
  /** How each part would be judged alone (docs/segments.md); null where nobody asked. */
  readonly segments: readonly JudgedSegment[] | null;
  readonly fallbacks: readonly Fallback[];
  /** `load` is what this call waited for loading; a detector is loaded before its first call. */
  readonly timings_ms: { readonly load: number; readonly normalize: number; readonly run: number };
}

/** What was verified and loaded, as detections name it. */
export function artifactOf(
  manifest: Manifest,
  runs: Pick<Artifact, 'provider' | 'thread' | 'fallbacks'>,
): Artifact {
  const { digest } = manifest;
  return { manifest, digest, modelSha256: modelFile(manifest).sha256, ...runs };
}

/** The answer that a score means. */
export function detectionOf(artifact: Artifact, judged: Judged, latencyMs: number): Detection {
  const { probability } = judged.score;
  const isAi = probability >= judged.threshold;
  return {
    prediction: isAi ? 1 : 0,
    probability,
    confidence: Math.abs(2 * probability - 1),
    is_fake: isAi,
    backend: 'client_side',
    model_id: artifact.manifest.model_id,
    latency_ms: latencyMs,
    metadata: metadataOf(artifact, judged),
  };
}

function metadataOf(artifact: Artifact, judged: Judged): DetectionMetadata {
  const { manifest } = artifact;
  const { text, score, threshold, segments } = judged;
  return {
    artifact_digest: artifact.digest,
    model_sha256: artifact.modelSha256,
    model_version: manifest.version,
    variant: manifest.model_id.split('+')[1] ?? null,
    provider: artifact.provider,
    quantization: manifest.quantization.scheme,
    tokens: score.tokens,
    windows: score.windows,
    truncated: false,
    threshold,
    warnings: cautions(text, score.probability, threshold, manifest.decision),
    segments,
    fallbacks: artifact.fallbacks,
    timings_ms: { load: 0, normalize: score.normalizeMs, run: score.runMs },
  };
}
