/** How far a detector is on its way to its first answer. */
export type Progress =
  | {
      /** Files arrive. */
      readonly phase: 'download';
      readonly url: string;
      /** Bytes that are here. */
      readonly loaded: number;
      /** Bytes of the whole file. */
      readonly total: number;
      readonly source: 'network' | 'cache' | 'disk';
    }
  | {
      /** All files are here and verified: the graph is made ready, then run for the first time. */
      readonly phase: 'load';
      readonly step: 'session' | 'warm_up';
    }
  | { readonly phase: 'ready' };

export type OnProgress = (progress: Progress) => void;
