import type { Judge } from '../judge.js';
import * as wording from '../wording.js';
import type { Outcome } from './run.js';
import type { Table } from './tables.js';

/** Before the names of columns that are ours, so that none of the caller's is lost. */
const PREFIX = 'samegraph_';
const COLUMNS = [
  'verdict',
  'probability',
  'threshold',
  'warnings',
  'model',
  'artifact_digest',
  'backend',
  'error',
];

/** The table that came in, with what came of each row. */
export function withResults(
  { columns, rows }: Table,
  outcomes: readonly (Outcome | undefined)[],
  { choice }: Judge,
): Table {
  const judged = rows.map((row, i) => {
    const cells = Object.entries(cellsOf(outcomes[i], choice.model.reference));
    return { ...row, ...Object.fromEntries(cells.map(([name, cell]) => [PREFIX + name, cell])) };
  });
  return { columns: [...columns, ...COLUMNS.map((name) => PREFIX + name)], rows: judged };
}

/** What came of a text, in a few words. */
export function verdictOf(outcome: Outcome): string {
  if (outcome.kind === 'judged') return wording.decisionOf(outcome.detection);
  return outcome.kind === 'empty' ? 'No text' : 'Failed';
}

function cellsOf(outcome: Outcome | undefined, model: string): Record<string, string> {
  if (outcome === undefined) return { error: 'not reached' };
  if (outcome.kind === 'empty') return { error: 'no text' };
  if (outcome.kind === 'failed')
    return { error: `${outcome.error.code}: ${outcome.error.message}` };
  const { probability, backend, metadata } = outcome.detection;
  return {
    verdict: verdictOf(outcome),
    probability: String(probability),
    threshold: String(metadata.threshold),
    warnings: metadata.warnings.join(' '),
    model,
    artifact_digest: metadata.artifact_digest,
    backend,
  };
}
