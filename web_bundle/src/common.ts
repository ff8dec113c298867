// What the package gives in a browser and in Node alike.
export type { Caution } from './cautions.js';
export type {
  Artifact,
  Detection,
  DetectionMetadata,
  Fallback,
  JudgedSegment,
} from './detection.js';
export { DetectorError, type ErrorCode, isDetectorError } from './errors.js';
export type { Manifest } from './manifest.js';
export type { OnProgress, Progress } from './progress.js';
export type { DetectOptions, Detector, HybridDetector } from './scorer.js';
export { countWords, type Segment, segments } from './segments.js';
export { ServerRefusal } from './server_client.js';
export type { Mode } from './sides.js';
