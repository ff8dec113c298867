import { CODE_POINT_CLASSES } from './generated/code_point_classes.js';

type Step = { readonly type: string; readonly [field: string]: unknown };

interface Model extends Step {
  readonly vocab: Readonly<Record<string, number>>;
}

interface AddedToken {
  readonly content: string;
  readonly single_word?: boolean;
}

/** The content of a tokenizer.json, as far as it is looked into here. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Step | null;
  readonly pre_tokenizer: Step | null;
  readonly model: Model;
  readonly [field: string]: unknown;
}

const { dropped, ideographs, marks, punctuation, digits, letters, numbers } = CODE_POINT_CLASSES;

/** What @huggingface/tokenizers does otherwise than Python's BPE, or not at all. */
const UNKNOWN_OPTIONS = [
  'dropout',
  'byte_fallback',
  'fuse_unk',
  'continuing_subword_prefix',
  'end_of_word_suffix',
];

/** GPT-2's words, which ByteLevel cuts a text into. */
const BYTE_LEVEL_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Words and single punctuation marks; white space goes. */
const BERT_WORDS = `[^\\p{White_Space}${punctuation}]+|[${punctuation}]`;

/**
 * The same tokenizer in steps that @huggingface/tokenizers takes exactly as Python's tokenizers.
 *
 * Its own steps go by the browser's Unicode tables, by ASCII digits or by UTF-16 units, and its BPE
 * drops characters that it does not know too late. Decoding and post-processing are left out.
 *
 * @throws Error where a step is of a kind that is not known to give the same tokens.
 */
export function portable(json: TokenizerJson): TokenizerJson {
  const word = json.added_tokens.find(({ single_word }) => single_word);
  if (word !== undefined) throw unknown(`the single_word token ${word.content}`);
  return {
    ...json,
    normalizer: json.normalizer && portableNormalizer(json.normalizer),
    pre_tokenizer: portablePreTokenizers(json.pre_tokenizer, json.model),
    post_processor: null,
    decoder: null,
  };
}

function portableNormalizer(step: Step): Step {
  switch (step.type) {
    case 'Sequence':
      return inOrder((step.normalizers as Step[]).map(portableNormalizer));
    case 'BertNormalizer':
      return inOrder(bertNormalizers(step));
    case 'Lowercase':
      return inOrder(LOWERCASE);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return step;
    default:
      throw unknown(`the normalizer ${step.type}`);
  }
}

/** Code point by code point: JavaScript alone would look for a final sigma. */
const LOWERCASE = [replace('Σ', 'σ'), { type: 'Lowercase' }];

function bertNormalizers(step: Step): Step[] {
  const { clean_text, handle_chinese_chars, strip_accents, lowercase } = step;
  return [
    ...(clean_text ? [replace(`[${dropped}]`, ''), replace('(?! )\\s', ' ')] : []),
    ...(handle_chinese_chars ? [replace(`[${ideographs}]`, ' $& ')] : []),
    ...((strip_accents ?? lowercase) ? [{ type: 'NFD' }, replace(`[${marks}]`, '')] : []),
    ...(lowercase ? LOWERCASE : []),
  ];
}

function portablePreTokenizers(step: Step | null, model: Model): Step {
  const steps = step === null ? [] : [portablePreTokenizer(step)];
  return inOrder([...steps, ...droppingUnknown(model)]);
}

function portablePreTokenizer(step: Step): Step {
  switch (step.type) {
    case 'Sequence':
      return inOrder((step.pretokenizers as Step[]).map(portablePreTokenizer));
    case 'BertPreTokenizer':
      return words(BERT_WORDS);
    case 'Digits':
      return isolated(step.individual_digits ? `[${digits}]` : `[${digits}]+`);
    case 'ByteLevel':
      return inOrder(byteLevel(step));
    case 'Split':
      return portableSplit(step);
    default:
      throw unknown(`the pre-tokenizer ${step.type}`);
  }
}

function byteLevel({ add_prefix_space, use_regex }: Step): Step[] {
  return [
    ...(add_prefix_space ? [replace('\\A[^ ]', ' $&')] : []),
    ...((use_regex ?? true) ? [isolated(spelledOut(BYTE_LEVEL_WORDS))] : []),
    { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  ];
}

function portableSplit({ pattern, behavior, invert }: Step): Step {
  const { Regex: source } = pattern as { readonly Regex?: string };
  if (source !== undefined && behavior === 'Isolated' && !invert) {
    return isolated(spelledOut(source));
  }
  if (source !== undefined && behavior === 'Removed' && invert) return words(spelledOut(source));
  throw unknown(`the pre-tokenizer Split, ${behavior} at ${JSON.stringify(pattern)}`);
}

/** The pattern with `\p{L}` and `\p{N}` as the Python package's regular expressions know them. */
function spelledOut(pattern: string): string {
  let depth = 0;
  const spelled = pattern.replace(/\\p\{([LN])\}|\\.|\[\^?\]?|\]/gsu, (part, property) => {
    if (part.startsWith('[')) depth += 1;
    if (part === ']') depth -= 1;
    if (property === undefined) return part;
    const members = property === 'L' ? letters : numbers;
    return depth > 0 ? members : `[${members}]`;
  });
  if (/\\[pPwWdDbB]|\[:/u.test(spelled)) throw unknown(`a pattern by other classes: ${pattern}`);
  return spelled;
}

/** Python's BPE drops what has no token before it merges, so that the neighbours may merge. */
function droppingUnknown(model: Model): Step[] {
  if (model.type === 'WordPiece') return [];
  const option = UNKNOWN_OPTIONS.find((name) => model[name]);
  if (model.type !== 'BPE' || option !== undefined) {
    throw unknown(['the model', model.type, option].filter(Boolean).join(' '));
  }
  if (model.unk_token) return [];
  const known = Object.keys(model.vocab).filter((token) => [...token].length === 1);
  return [replace(`[^${known.map(escaped).join('')}]`, '')];
}

function inOrder(steps: readonly Step[]): Step {
  return { type: 'Sequence', normalizers: steps, pretokenizers: steps };
}

function replace(pattern: string, content: string): Step {
  return { type: 'Replace', pattern: { Regex: pattern }, content };
}

/** Matches become words, and so does what is between them. */
function isolated(pattern: string): Step {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** Matches become words; what is between them goes. */
function words(pattern: string): Step {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true };
}

function escaped(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

function unknown(what: string): Error {
  return new Error(
    `tokenizer.json: ${what} may give other tokens here than in Python; run the model on a server`,
  );
}
