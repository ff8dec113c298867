// Detectors one after another, each made, asked once, and disposed of: all in the page's thread, where the peer's are.
async ([text, times]) => {
  for (let n = 0; n < times; n += 1) {
    const detector = await window.create('main');
    await detector.probability(text);
    await detector.dispose();
  }
}
