// Detectors one after another, each made, asked once, and disposed of.
async ([text, times]) => {
  for (let n = 0; n < times; n += 1) {
    const detector = await window.create();
    await detector.probability(text);
    await detector.dispose();
  }
}
