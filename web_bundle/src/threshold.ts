import { DetectorError } from './errors.js';
import type { Decision, OperatingPoint } from './generated/manifest.js';

/** How a call wants texts to be decided. */
export interface DecisionOptions {
  readonly threshold?: number;
  readonly maxFalsePositiveRate?: number;
}

/**
 * The probability from which a text counts as AI-written.
 *
 * @throws DetectorError `unmeasured_rate` where the model has no threshold for the wished rate.
 * @throws RangeError where an option is no probability, or both are given.
 */
export function thresholdOf(decision: Decision, options: DecisionOptions): number {
  const { threshold, maxFalsePositiveRate: rate } = options;
  requireUsable(threshold, rate);
  if (rate === undefined) return threshold ?? decision.threshold;
  const fitting = points(decision).filter((point) => point.max_false_positive_rate <= rate);
  if (fitting.length === 0) {
    const measured = points(decision).map((point) => point.max_false_positive_rate);
    const told = measured.length === 0 ? 'none was measured' : `measured: ${measured.join(', ')}`;
    throw new DetectorError('unmeasured_rate', `no threshold for the rate ${rate} (${told})`);
  }
  return Math.min(...fitting.map((point) => point.threshold));
}

function requireUsable(threshold?: number, rate?: number): void {
  const given = [threshold, rate].filter((value) => value !== undefined);
  if (given.length > 1) throw new RangeError('give threshold or maxFalsePositiveRate, not both');
  if (!given.every((value) => value >= 0 && value <= 1)) {
    throw new RangeError('threshold and maxFalsePositiveRate are numbers from 0 to 1');
  }
}

function points(decision: Decision): OperatingPoint[] {
  const { target_fpr: rate, threshold, operating_points: further = [] } = decision;
  const own = rate === null ? [] : [{ max_false_positive_rate: rate, threshold }];
  return [...further, ...own];
}
