import { element } from './elements.js';

/** Fills in one of the texts that come with the page when its button is pressed. */
export function offerExamples(use: (text: string) => void): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-example]')) {
    button.addEventListener('click', () => use(exampleText(button.dataset.example ?? '')));
  }
}

function exampleText(name: string): string {
  const { content } = element(`example-${name}`, HTMLTemplateElement);
  return content.textContent.replace(/\s+/g, ' ').trim();
}
