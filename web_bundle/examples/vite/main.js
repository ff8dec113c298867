import { createDetector } from 'samegraph-web';

const check = document.getElementById('check');
const answer = document.getElementById('answer');
const detector = await createDetector({ baseUrl: './detector/', model: 'lexical-tiny' });
check.disabled = false;
answer.value = 'Ready';

check.addEventListener('click', async () => {
  const { probability, is_fake } = await detector.detect(document.getElementById('text').value);
  answer.value = `${is_fake ? 'AI' : 'human'}, ${probability}`;
});
