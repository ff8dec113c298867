import type { Choice, Judge } from './judge.js';
import type { Server } from './server.js';

/** What the page gives to the views that are loaded later. */
export interface Workplace {
  readonly choice: Choice;
  /** Null where there is none. */
  server(): Promise<Server | null>;
  /** For what is chosen. */
  judge(): Promise<Judge>;
  /** For the chosen model, in this browser, whatever place is chosen. */
  browserJudge(): Promise<Judge>;
}
