// Milliseconds of one prediction. Timers tick every 0.1 ms, so each sample is the mean of ten.
async ([model, text, thread, predictions]) => {
  const { createDetector } = await import('./samegraph/index.js');
  const detector = await createDetector({ manifestUrl: `./models/${model}/manifest.json`, thread });
  for (let warmUp = 0; warmUp < 50; warmUp += 1) await detector.detect(text);
  const milliseconds = [];
  for (let n = 0; n < predictions / 10; n += 1) {
    const began = performance.now();
    for (let m = 0; m < 10; m += 1) await detector.detect(text);
    milliseconds.push((performance.now() - began) / 10);
  }
  await detector.dispose();
  return milliseconds;
}
