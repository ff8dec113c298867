import { parse, unparse } from 'papaparse';

/** A table of texts: its columns, and rows that have each of them. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** A cell of this length or more is a text, not a name of a column. */
const LONG_CELL = 60;
const USUAL_NAMES = /^(text|content|body|document|essay|message|comment|answer)$/i;

/** What spreadsheets take for a formula, full-width signs and leading white space included. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

/**
 * The rows of a CSV (RFC 4180, or with another separator, which is found out).
 *
 * Where the first row holds a long cell it is taken for texts, and columns are numbered.
 *
 * @throws Error where quotes are broken.
 */
export function parseTable(content: string): Table {
  const { data, errors } = parse<string[]>(content, { skipEmptyLines: 'greedy' });
  const broken = errors.find(({ type }) => type === 'Quotes');
  if (broken !== undefined) throw new Error(`row ${(broken.row ?? 0) + 1}: ${broken.message}`);
  const width = data.reduce((most, cells) => Math.max(most, cells.length), 0);
  const headed = data.length > 1 && data[0]?.every((cell) => cell.length < LONG_CELL) === true;
  const columns = columnNames(headed ? (data[0] ?? []) : [], width);
  const rows = data.slice(headed ? 1 : 0).map((cells) => named(columns, cells));
  return { columns, rows };
}

/** The column that probably holds the texts: by its name, else the one with the longest cells. */
export function textColumn({ columns, rows }: Table): string {
  const usual = columns.find((name) => USUAL_NAMES.test(name.trim()));
  if (usual !== undefined) return usual;
  const length = (name: string) => rows.reduce((sum, row) => sum + (row[name]?.length ?? 0), 0);
  return columns.reduce((longest, name) => (length(name) > length(longest) ? name : longest));
}

/**
 * A CSV (RFC 4180) that spreadsheets read as UTF-8.
 *
 * A cell that a spreadsheet would take for a formula begins with an apostrophe.
 */
export function writeTable({ columns, rows }: Table): string {
  const options = { columns: [...columns], escapeFormulae: FORMULA, newline: '\r\n' };
  return `\ufeff${unparse([...rows], options)}\r\n`;
}

/** Each name once; what has none is numbered. */
function columnNames(heads: readonly string[], width: number): string[] {
  const names: string[] = [];
  for (let i = 0; i < width; i++) {
    const name = heads[i]?.trim() || `column_${i + 1}`;
    names.push(names.includes(name) ? `${name}_${i + 1}` : name);
  }
  return names;
}

function named(columns: readonly string[], cells: readonly string[]): Record<string, string> {
  return Object.fromEntries(columns.map((name, i) => [name, cells[i] ?? '']));
}
