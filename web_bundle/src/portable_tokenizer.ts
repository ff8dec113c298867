import { BERT_CLASSES } from './generated/bert_classes.js';

type Step = { readonly type: string; readonly [field: string]: unknown };

interface Model extends Step {
  readonly vocab: Readonly<Record<string, number>>;
}

/** The content of a tokenizer.json, as far as it is looked into here. */
export interface TokenizerJson {
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  readonly model: Model;
  readonly [field: string]: unknown;
}

/**
 * The same tokenizer in steps that @huggingface/tokenizers takes exactly as Python's tokenizers.
 *
 * Its own BertNormalizer, BertPreTokenizer and Digits go by the browser's Unicode tables, by ASCII
 * digits or by UTF-16 units, and its BPE drops characters that it does not know too late.
 */
export function portable(json: TokenizerJson): TokenizerJson {
  return {
    ...json,
    normalizer: rewritten(json.normalizer, 'normalizers'),
    pre_tokenizer: withoutUnknown(rewritten(json.pre_tokenizer, 'pretokenizers'), json.model),
  };
}

function rewritten(step: Step | null, members: 'normalizers' | 'pretokenizers'): Step | null {
  switch (step?.type) {
    case 'Sequence': {
      const steps = step[members] as readonly Step[];
      return { ...step, [members]: steps.map((member) => rewritten(member, members)) };
    }
    case 'BertNormalizer':
      return { type: 'Sequence', normalizers: bertNormalizers(step) };
    case 'BertPreTokenizer':
      return BERT_WORDS;
    case 'Digits':
      return split(step.individual_digits ? '\\p{N}' : '\\p{N}+', { isolated: true });
    default:
      return step;
  }
}

/** Words and single punctuation marks; white space goes. */
const BERT_WORDS = split(
  `[^\\p{White_Space}${BERT_CLASSES.punctuation}]+|[${BERT_CLASSES.punctuation}]`,
  { isolated: false },
);

function bertNormalizers(step: Step): Step[] {
  const { clean_text, handle_chinese_chars, strip_accents, lowercase } = step;
  return [
    ...(clean_text ? [replace(`[${BERT_CLASSES.dropped}]`, ''), replace('(?! )\\s', ' ')] : []),
    ...(handle_chinese_chars ? [replace(`[${BERT_CLASSES.ideographs}]`, ' $& ')] : []),
    ...((strip_accents ?? lowercase)
      ? [{ type: 'NFD' }, replace(`[${BERT_CLASSES.marks}]`, '')]
      : []),
    // Code point by code point: JavaScript would look for a final sigma.
    ...(lowercase ? [replace('Σ', 'σ'), { type: 'Lowercase' }] : []),
  ];
}

/** Python's BPE drops what has no token before it merges, so that the neighbours may merge. */
function withoutUnknown(step: Step | null, model: Model): Step | null {
  const named = ['unk_token', 'byte_fallback', 'continuing_subword_prefix', 'end_of_word_suffix'];
  if (model.type !== 'BPE' || named.some((name) => model[name])) return step;
  const known = Object.keys(model.vocab).filter((token) => [...token].length === 1);
  const unknown = replace(`[^${known.map(escaped).join('')}]`, '');
  return { type: 'Sequence', pretokenizers: step === null ? [unknown] : [step, unknown] };
}

function replace(pattern: string, content: string): Step {
  return { type: 'Replace', pattern: { Regex: pattern }, content };
}

/** Matches become words, and so does what is between them where they are `isolated`. */
function split(pattern: string, { isolated }: { readonly isolated: boolean }): Step {
  const behavior = isolated ? 'Isolated' : 'Removed';
  return { type: 'Split', pattern: { Regex: pattern }, behavior, invert: !isolated };
}

function escaped(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
