// Runs in the demo page. Timers there tick every 0.1 ms, so each sample is the mean of ten predictions.
async ([text, predictions]) => {
  const { createDetector } = await import('./detector.js');
  const { models: [model] } = await (await fetch('./models/index.json')).json();
  const manifestUrl = new URL(model.manifest, new URL('./models/', document.baseURI));
  const detector = await createDetector({ manifestUrl });
  for (let warmUp = 0; warmUp < 10; warmUp += 1) await detector.detect(text);
  const seconds = [];
  for (let n = 0; n < predictions / 10; n += 1) {
    const began = performance.now();
    for (let m = 0; m < 10; m += 1) await detector.detect(text);
    seconds.push((performance.now() - began) / 1e4);
  }
  await detector.dispose();
  return seconds;
}
