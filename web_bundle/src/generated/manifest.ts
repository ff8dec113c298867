// Generated from registry/manifest.schema.json by generate.mjs. Do not edit.

/**
 * How weights are stored and multiplied.
 */
export type QuantizationScheme =
  | 'fp32'
  | 'fp16'
  | 'int8_weight'
  | 'nbits8'
  | 'nbits4'
  | 'gguf_exact'
  | 'int8_token'
  | 'int8_dynamic';
/**
 * How large an artifact is, all files together (MB = 10^6 bytes).
 */
export type SizeCategory = 'tiny' | 'small' | 'medium' | 'large';
/**
 * Where a model can run.
 */
export type Backend = 'local' | 'modal' | 'client_side';

/**
 * An artifact: its files, its contract, and the evidence for it.
 *
 * `quality` is null where nobody has evaluated the model.
 */
export interface Manifest {
  task: string;
  /**
   * @minItems 2
   * @maxItems 2
   */
  labels: [string, string];
  input: InputSpec;
  outputs: OutputSpec[];
  decision: Decision;
  quantization: Quantization;
  schema_version: 1;
  model_id: string;
  version: string;
  digest: string;
  files: ArtifactFile[];
  size_bytes: number;
  size_category: SizeCategory;
  routing: Routing;
  runtime: RuntimeRequirements;
  quality: Quality | null;
  parity: Parity;
  source: Source;
  provenance: Provenance;
}
/**
 * What the graph is fed with; docs/windows.md. All but the first two are null for text.
 *
 * `max_tokens` counts a window with its special tokens.
 */
export interface InputSpec {
  kind: 'text' | 'tokens';
  normalizer: 'norm-1' | 'identity';
  max_tokens?: number | null;
  window?: Window | null;
  special_tokens?: SpecialTokens | null;
  companions?: Companion[];
}
/**
 * How a text longer than the model is cut, in tokens, and how the parts are pooled.
 */
export interface Window {
  tokens: number;
  stride: number;
  pooling: 'mean_logit' | 'mean_probability' | 'max_probability';
}
/**
 * Token ids that frame a window, and the one that pads a batch.
 */
export interface SpecialTokens {
  prefix: number[];
  suffix: number[];
  pad: number;
}
/**
 * A further encoding of the same windows, for a graph whose members have other tokenizers.
 *
 * The graph reads it as `{name}_input_ids` and `{name}_attention_mask`.
 */
export interface Companion {
  name: string;
  tokenizer: string;
  normalizer: 'norm-1' | 'identity';
  max_tokens: number;
  special_tokens: SpecialTokens;
}
/**
 * One output of the graph; a dimension is a number or a name such as N.
 */
export interface OutputSpec {
  name: string;
  dtype: 'float32' | 'int64';
  shape: (number | string)[];
}
/**
 * From probability to label: 1 where probability >= threshold.
 *
 * `target_fpr` is the share of human texts that the threshold was measured to flag at most; null
 * where the threshold was chosen without a measurement. `operating_points` are further thresholds,
 * the strictest first. From `uncertain_from` on, up to the threshold, a text may well be either;
 * with fewer than `min_words` words it is too short to judge. Both are null where not measured.
 */
export interface Decision {
  threshold: number;
  target_fpr: number | null;
  calibration: string;
  operating_points?: OperatingPoint[];
  uncertain_from?: number | null;
  min_words?: number | null;
}
/**
 * A threshold, and the share of human texts that it was measured to flag at most.
 */
export interface OperatingPoint {
  max_false_positive_rate: number;
  threshold: number;
}
/**
 * How weights are stored in `bits`, and activations multiplied (docs/quantization.md).
 *
 * `activation_bits` is null where activations are floating point numbers. Where the artifact is
 * not `batch_invariant`, its answer for a text may move with the texts it shares a batch with.
 */
export interface Quantization {
  scheme: QuantizationScheme;
  bits: number;
  activation_bits?: number | null;
  batch_invariant?: boolean;
}
/**
 * One file of an artifact.
 */
export interface ArtifactFile {
  path: string;
  sha256: string;
  bytes: number;
}
/**
 * Where to run: the first backend, then those to fall back to, in order.
 */
export interface Routing {
  preferred_backend: Backend;
  fallback_backends: Backend[];
}
/**
 * What a runtime must offer.
 */
export interface RuntimeRequirements {
  opset: number;
  ir_version: number;
  min_ort: string;
  providers: string[];
  browser: BrowserSupport;
  memory_bytes: number;
}
/**
 * Whether onnxruntime-web's wasm build runs the graph, and if not, why.
 */
export interface BrowserSupport {
  supported: boolean;
  reasons: string[];
}
/**
 * How good the probabilities are, on texts the model was not trained on.
 */
export interface Quality {
  dataset: string;
  n: number;
  auroc: number;
  leave_one_domain_out_auroc: number | null;
  tpr_at_1pct_fpr: number;
  fpr_at_threshold: number;
  tpr_at_threshold: number;
  expected_calibration_error: number;
}
/**
 * How the artifact compares over its n golden texts, and over more for drift.
 *
 * `max_abs_diff` is the largest |difference of probability| to `golden.jsonl`, by runtime;
 * `batch_max_abs_diff` that between a text alone and in a batch of mixed lengths. Golden
 * probabilities are the reference's where the scheme is exact, else onnxruntime's.
 */
export interface Parity {
  reference: string;
  n: number;
  max_abs_diff: MaxAbsDiff;
  batch_max_abs_diff?: number | null;
  drift?: Drift | null;
}
export interface MaxAbsDiff {
  [k: string]: number;
}
/**
 * |Difference of probability| between artifact and source over n texts, and label flips.
 */
export interface Drift {
  n: number;
  p50: number;
  p99: number;
  max: number;
  flips: number;
}
/**
 * Where the weights come from, and on what terms.
 */
export interface Source {
  kind: 'sklearn' | 'encoder' | 'causal_lm' | 'ensemble';
  reference: string;
  licence: string;
  attribution: string;
}
/**
 * What built the artifact. `git_commit` is null outside a git checkout.
 */
export interface Provenance {
  tool_versions: ToolVersions;
  source_digest: string;
  git_commit: string | null;
}
export interface ToolVersions {
  [k: string]: string;
}
