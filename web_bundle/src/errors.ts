/** Why a detector could not answer. Stable: programs may switch on it. */
export type ErrorCode =
  | 'aborted'
  | 'bad_manifest'
  | 'digest_mismatch'
  | 'fetch_failed'
  | 'not_signed'
  | 'out_of_memory'
  | 'runtime_failed'
  | 'server_failed'
  | 'unmeasured_rate'
  | 'unsupported_model';

/** The one error this package throws. `code` crosses postMessage; the class does not. */
export class DetectorError extends Error {
  override readonly name = 'DetectorError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `value` is an error of this package, of whichever of its scripts. */
export function isDetectorError(value: unknown): value is DetectorError {
  return value instanceof Error && value.name === 'DetectorError';
}

/** `cause` as an error of this script, with the code that it has already, else with `code`. */
export function asDetectorError(cause: unknown, code: ErrorCode): DetectorError {
  if (cause instanceof DetectorError) return cause;
  if (isDetectorError(cause)) return new DetectorError(cause.code, cause.message, { cause });
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DetectorError(code, message, { cause });
}
