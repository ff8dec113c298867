// Milliseconds of one prediction. Timers tick every 0.1 ms, so each sample is a mean of `together`.
async ([text, thread, samples, together]) => {
  const detector = await window.create(thread);
  for (let warmUp = 0; warmUp < 5 * together; warmUp += 1) await detector.probability(text);
  const milliseconds = [];
  for (let n = 0; n < samples; n += 1) {
    const began = performance.now();
    for (let m = 0; m < together; m += 1) await detector.probability(text);
    milliseconds.push((performance.now() - began) / together);
  }
  await detector.dispose();
  return milliseconds;
}
