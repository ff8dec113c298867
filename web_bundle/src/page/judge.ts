import type { Detection } from '../detection.js';
import { createDetector } from '../detector.js';
import { DetectorError } from '../errors.js';
import type { Manifest } from '../manifest.js';
import type { DetectOptions } from '../scorer.js';
import type { Mode } from '../sides.js';
import type { Model } from './catalogue.js';
import type { Server } from './server.js';
import type { Surroundings } from './surroundings.js';

/** What the page is set to: which model, and where it is to run. */
export interface Choice {
  readonly model: Model;
  readonly mode: Mode;
}

/** A detector for one choice, and what is known of its model. */
export interface Judge {
  readonly choice: Choice;
  readonly manifest: Manifest;
  detect(text: string, options?: DetectOptions): Promise<Detection>;
  detect(texts: readonly string[], options?: DetectOptions): Promise<Detection[]>;
  dispose(): Promise<void>;
}

/**
 * @param server - needed by every mode but `only_client` of a model that comes with the page.
 * @throws DetectorError where the model does not load, or nobody says what it is.
 */
export async function openJudge(
  choice: Choice,
  server: Server | null,
  surroundings: Surroundings,
  onProgress: (progress: object) => void,
): Promise<Judge> {
  const { model, mode } = choice;
  const { parts, later } = surroundings;
  if (mode === 'only_client' && model.manifestUrl !== null) {
    const detector = await createDetector({ ...parts, ...located(model), onProgress });
    return judgeOf(choice, detector.artifact.manifest, detector);
  }
  if (server === null) throw new DetectorError('server_failed', 'no server answers this page');
  return (await later.served()).openServed(choice, server, parts, onProgress);
}

/** A detector as the judge of a choice. */
export function judgeOf(
  choice: Choice,
  manifest: Manifest,
  detector: Pick<Judge, 'detect' | 'dispose'>,
): Judge {
  return {
    choice,
    manifest,
    detect: detector.detect.bind(detector) as Judge['detect'],
    dispose: () => detector.dispose(),
  };
}

/** Options of `createDetector`: where the files are that come with the page. */
export function located({ manifestUrl, modelUrl, digest }: Model) {
  return {
    manifestUrl: manifestUrl as URL,
    expectedDigest: digest,
    ...(modelUrl && { modelUrl }),
  };
}
