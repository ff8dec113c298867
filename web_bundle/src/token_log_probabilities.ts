/** The output of a language model's graph: float32[N, T-1], of the ids from the second on. */
export const TOKEN_LOG_PROBABILITIES = 'token_log_probabilities';

/** Natural logarithms, one per token; `places` are the code points that hold the tokens' last bytes. */
export interface TokenLogProbabilities {
  readonly places: readonly number[];
  readonly values: readonly number[];
}

/** Over the tokens that end in the segment, which is in code points; null where none does. */
export function meanIn(
  { places, values }: TokenLogProbabilities,
  { start, end }: { readonly start: number; readonly end: number },
): number | null {
  const own = values.filter((_, i) => {
    const place = places[i];
    return place !== undefined && start <= place && place < end;
  });
  return own.length > 0 ? own.reduce((sum, value) => sum + value, 0) / own.length : null;
}

/**
 * The code point of `text` that holds each token's last byte; tokens are so many bytes long.
 *
 * Null where these are not as many as the text's: then tokens are not pieces of its UTF-8.
 * Specification: docs/segments.md; the Python twin is registry/token_log_probabilities.py.
 */
export function tokenPlaces(text: string, lengths: readonly number[]): number[] | null {
  const ends = endsInBytes(text);
  const places: number[] = [];
  let place = 0;
  let bytes = 0;
  for (const length of lengths) {
    bytes += length;
    while ((ends[place] ?? bytes) < bytes) place += 1;
    places.push(place);
  }
  return bytes === (ends.at(-1) ?? 0) ? places : null;
}

/** Where each code point ends, in bytes of UTF-8. */
function endsInBytes(text: string): number[] {
  let bytes = 0;
  return Array.from(text, (character) => {
    bytes += utf8Length(character.codePointAt(0) ?? 0);
    return bytes;
  });
}

function utf8Length(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
