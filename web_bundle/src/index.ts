export type { Caution } from './cautions.js';
export type { Artifact, Detection, DetectionMetadata, JudgedSegment } from './detection.js';
export { createDetector, type DetectorOptions } from './detector.js';
export type { OnProgress, Progress } from './download.js';
export { DetectorError, type ErrorCode, isDetectorError } from './errors.js';
export type { Manifest } from './manifest.js';
export { norm1 } from './norm1.js';
export type { DetectOptions, Detector } from './scorer.js';
export { countWords, type Segment, segments } from './segments.js';
