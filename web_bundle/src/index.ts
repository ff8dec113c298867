export * from './common.js';
export { type ClientOptions, createDetector } from './create.js';
export type { HybridOptions } from './hybrid.js';
