import type { Manifest } from './manifest.js';
import { norm1 } from './norm1.js';

/** What a text goes through before its graph or tokenizer sees it, by the manifest's name for it. */
export const NORMALIZERS: Record<Manifest['input']['normalizer'], (text: string) => string> = {
  'norm-1': norm1,
  // docs/windows.md: for cased models. The rest is what UTF-8 cannot hold, or a C string not end.
  identity: (text) => text.replaceAll('\0', ' ').toWellFormed(),
};
