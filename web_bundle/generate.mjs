// Writes src/generated/manifest.ts from registry/manifest.schema.json.
// `--check` writes nothing and fails where the committed file differs.
import { readFile, writeFile } from 'node:fs/promises';
import { compile } from 'json-schema-to-typescript';

const SCHEMA = new URL('../registry/manifest.schema.json', import.meta.url);
const OUTPUT = new URL('src/generated/manifest.ts', import.meta.url);
const BANNER = '// Generated from registry/manifest.schema.json by generate.mjs. Do not edit.';

/** The schema in the dialect that json-schema-to-typescript reads best. */
function simplified(node, name) {
  if (Array.isArray(node)) return node.map((item) => simplified(item));
  if (node === null || typeof node !== 'object') return node;
  const entries = Object.entries(node).map(([key, value]) => [key, simplified(value, key)]);
  const schema = Object.fromEntries(entries);
  if (name === 'properties' || name === '$defs') return schema;
  // Pydantic titles every property; each title would become a type alias of its own.
  if (schema.type !== 'object' && schema.enum === undefined) delete schema.title;
  if (schema.enum !== undefined && schema.description === undefined) delete schema.title;
  if (schema.prefixItems !== undefined) {
    schema.items = schema.prefixItems;
    delete schema.prefixItems;
  }
  return schema;
}

async function render() {
  const schema = simplified(JSON.parse(await readFile(SCHEMA, 'utf8')));
  schema.required.push('schema_version');
  return compile(schema, 'Manifest', {
    additionalProperties: false,
    bannerComment: BANNER,
    format: true,
    style: { printWidth: 100, singleQuote: true },
  });
}

const text = await render();
if (process.argv.includes('--check')) {
  if (text !== (await readFile(OUTPUT, 'utf8'))) {
    console.error('src/generated/manifest.ts is out of date: run `npm run generate`');
    process.exitCode = 1;
  }
} else {
  await writeFile(OUTPUT, text);
}
