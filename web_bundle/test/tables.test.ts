import { expect, test } from 'vitest';
import { parseTable, textColumn, writeTable } from '../src/page/batch/tables.js';

const LONG = 'A sentence that is long enough to be a text and no name of any column at all.';

test('quoted separators, quotes and line breaks are part of a cell (RFC 4180)', () => {
  const { columns, rows } = parseTable('id,text\r\n1,"a, ""b""\r\nc"\r\n2,d\r\n');
  expect(columns).toEqual(['id', 'text']);
  expect(rows).toEqual([
    { id: '1', text: 'a, "b"\r\nc' },
    { id: '2', text: 'd' },
  ]);
});

test.each([';', '\t', '|'])('%j is found to be the separator', (separator) => {
  const content = [`id${separator}text`, `1${separator}one`, `2${separator}two`].join('\n');
  expect(parseTable(content).rows[1]).toEqual({ id: '2', text: 'two' });
});

test('a table without heads has numbered columns', () => {
  const { columns, rows } = parseTable(`${LONG},1\n${LONG},2\n`);
  expect(columns).toEqual(['column_1', 'column_2']);
  expect(rows).toHaveLength(2);
});

test('missing cells are empty, further ones and doubled names are kept', () => {
  const { columns, rows } = parseTable('a,a,b\n1\n1,2,3,4\n');
  expect(columns).toEqual(['a', 'a_2', 'b', 'column_4']);
  expect(rows[0]).toEqual({ a: '1', a_2: '', b: '', column_4: '' });
  expect(rows[1]?.column_4).toBe('4');
});

test('broken quotes are an error that names the row', () => {
  expect(() => parseTable('id,text\n1,"never closed\n2,b\n')).toThrow(/row \d/);
});

test('the column with the texts is found by its name, else by its length', () => {
  expect(textColumn(parseTable('note,Text\na very long cell,b\n'))).toBe('Text');
  expect(textColumn(parseTable('id,words\n1,some words\n'))).toBe('words');
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1+1', '\n=1'])(
  'a spreadsheet takes no cell %j for a formula',
  (cell) => {
    const [, line] = writeTable({ columns: ['a'], rows: [{ a: cell }] }).split(/\r\n/);
    expect(line).toMatch(/^"?'/);
  },
);

test('names of columns are no formulas either', () => {
  expect(writeTable({ columns: ['=1'], rows: [{ '=1': 'a' }] })).toMatch(/^\ufeff"?'=1/);
});

test('what was written is read as it was', () => {
  const rows = [
    { id: '1', text: 'a, "b"\r\nc' },
    { id: '2', text: 'd; é 😀' },
  ];
  const written = writeTable({ columns: ['id', 'text'], rows });
  expect(parseTable(written.slice(1)).rows).toEqual(rows);
});
