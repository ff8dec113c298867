import type { Detection } from './detection.js';
import { asDetectorError, DetectorError } from './errors.js';

/** Where texts are judged, and where if that fails. */
export type Mode = 'prefer_client' | 'only_client' | 'prefer_server' | 'only_server';

/** The two places, by the names that answers have for them. */
export type Side = 'client_side' | 'server';

const ORDER: Record<Mode, readonly [Side, ...Side[]]> = {
  prefer_client: ['client_side', 'server'],
  only_client: ['client_side'],
  prefer_server: ['server', 'client_side'],
  only_server: ['server'],
};

/** The sides to try in this mode, in order. */
export function sidesOf(mode: Mode): readonly Side[] {
  return ORDER[mode];
}

/**
 * The answers of the first side that gives any; each names those that failed before.
 *
 * @throws DetectorError of the last side; at once what is the caller's: an abort, a wish that the
 *   model cannot fulfil, and RangeError.
 */
export async function firstAnswer(
  sides: readonly Side[],
  ask: (side: Side) => Promise<Detection[]>,
): Promise<Detection[]> {
  const failed: { backend: Side; reason: string }[] = [];
  for (const side of sides) {
    try {
      const answers = await ask(side);
      return failed.length === 0 ? answers : answers.map((answer) => after(failed, answer));
    } catch (cause) {
      if (isTheCallers(cause) || side === sides.at(-1)) throw cause;
      const { code, message } = asDetectorError(cause, 'runtime_failed');
      failed.push({ backend: side, reason: `${code}: ${message}` });
    }
  }
  throw new DetectorError('runtime_failed', 'no side to ask');
}

function after(
  failed: readonly { readonly backend: Side; readonly reason: string }[],
  answer: Detection,
): Detection {
  const fallbacks = [...failed, ...answer.metadata.fallbacks];
  return { ...answer, metadata: { ...answer.metadata, fallbacks } };
}

function isTheCallers(cause: unknown): boolean {
  if (cause instanceof RangeError) return true;
  const { code } = asDetectorError(cause, 'runtime_failed');
  return code === 'aborted' || code === 'unmeasured_rate';
}
