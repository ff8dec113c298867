/** Milliseconds per text: `times` samples, each the mean of `group` texts, where a browser's timers tick coarsely. */
export async function timed(detector, text, times, group) {
  const milliseconds = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    for (let m = 0; m < group; m += 1) await detector.detect(text);
    milliseconds.push((performance.now() - began) / group);
  }
  return milliseconds;
}

/** Seconds until `texts` are answered, asked by `callers` at a time. */
export async function crowd(detector, text, callers, texts) {
  let left = texts;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      await detector.detect(text);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return (performance.now() - began) / 1e3;
}
