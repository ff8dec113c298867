import { DetectorError } from './errors.js';

/** The outcome of `task`, unless one of the signals comes first. */
export async function unlessAborted<T>(
  signals: readonly AbortSignal[],
  task: () => Promise<T>,
): Promise<T> {
  if (signals.some((signal) => signal.aborted)) throw aborted();
  const ended = new AbortController();
  const abortion = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      signal.addEventListener('abort', () => reject(aborted()), { signal: ended.signal });
    }
  });
  try {
    return await Promise.race([task(), abortion]);
  } finally {
    ended.abort();
  }
}

/** What an aborted call rejects with. */
export function aborted(): DetectorError {
  return new DetectorError('aborted', 'the call was aborted, or the detector disposed');
}
