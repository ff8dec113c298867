import { Tokenizer } from '@huggingface/tokenizers';
/*! Bundled: @huggingface/tokenizers, Copyright Hugging Face, Apache License 2.0,
   https://www.apache.org/licenses/LICENSE-2.0 */
import { portable } from './portable_tokenizer.js';

/** The token ids of a normal form: the whole text, without special tokens. */
export type Tokenize = (normal: string) => number[];

/**
 * The tokenizer that the bytes of a tokenizer.json describe.
 *
 * Truncation, padding and post-processing that it may ask for are left out (docs/windows.md).
 *
 * @throws Error where a step is of a kind that does not run here.
 */
export function tokenizerOf(bytes: Uint8Array): Tokenize {
  const tokenizer = new Tokenizer(portable(JSON.parse(new TextDecoder().decode(bytes))), {});
  return (normal) => tokenizer.encode(normal, { add_special_tokens: false }).ids;
}
