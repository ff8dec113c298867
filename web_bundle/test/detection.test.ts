import { expect, test } from 'vitest';
import { artifactOf, detectionOf } from '../src/detection.js';
import { parseManifest } from '../src/manifest.js';
import { MANIFEST_TEXT } from './fixture.js';

const artifact = artifactOf(parseManifest(MANIFEST_TEXT), {
  provider: 'wasm',
  thread: 'worker',
  fallbacks: [],
});
const scored = (probability: number) => {
  const read = { tokens: null, windows: 1, tokenLogProbabilities: null };
  const score = { probability, normalizeMs: 0.25, runMs: 0.5, ...read };
  const { threshold } = artifact.manifest.decision;
  return detectionOf(artifact, { text: 'a text', score, threshold, segments: null }, 1.5);
};

test('has the fields of every backend’s result', () => {
  expect(scored(0.75)).toEqual({
    prediction: 1,
    probability: 0.75,
    confidence: 0.5,
    is_fake: true,
    backend: 'client_side',
    model_id: 'fixture-tiny',
    latency_ms: 1.5,
    metadata: {
      artifact_digest: artifact.manifest.digest,
      model_sha256: artifact.manifest.files[0]?.sha256,
      model_version: '1.0.0',
      variant: null,
      provider: 'wasm',
      quantization: 'int8_weight',
      tokens: null,
      windows: 1,
      truncated: false,
      threshold: 0.62,
      warnings: [],
      segments: null,
      fallbacks: [],
      timings_ms: { load: 0, normalize: 0.25, run: 0.5 },
    },
  });
});

test('the threshold itself counts as AI', () => {
  expect(scored(0.62).prediction).toBe(1);
  expect(scored(0.6199).prediction).toBe(0);
});

test('the probability is the float32, unrounded', () => {
  const float32 = Math.fround(0.1);
  expect(scored(float32).probability).toBe(0.10000000149011612);
  expect(scored(float32).confidence).toBeCloseTo(0.8, 6);
});
