import { Tokenizer } from '@huggingface/tokenizers';
/*! Bundled: @huggingface/tokenizers, Copyright Hugging Face, Apache License 2.0,
   https://www.apache.org/licenses/LICENSE-2.0 */
import { portable } from './portable_tokenizer.js';

/** One of the kinds that run here. */
export interface TextTokenizer {
  /** The token ids of a normal form: the whole text, without special tokens. */
  ids(normal: string): number[];
  /** How many characters a token is written with; each stands for a byte where tokens are bytes. */
  length(id: number): number;
}

/**
 * The tokenizer that the bytes of a tokenizer.json describe.
 *
 * Truncation, padding and post-processing that it may ask for are left out (docs/windows.md).
 *
 * @throws Error where a step is of a kind that does not run here.
 */
export function tokenizerOf(bytes: Uint8Array): TextTokenizer {
  const tokenizer = new Tokenizer(portable(JSON.parse(new TextDecoder().decode(bytes))), {});
  return {
    ids: (normal) => tokenizer.encode(normal, { add_special_tokens: false }).ids,
    length: (id) => tokenizer.id_to_token(id)?.length ?? 0,
  };
}
