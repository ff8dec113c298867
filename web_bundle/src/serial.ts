/** Runs tasks one after another: onnxruntime-web refuses a second run while one is under way. */
export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  /** Starts `task` when all earlier ones have settled; a failure does not stop later ones. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task, task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
