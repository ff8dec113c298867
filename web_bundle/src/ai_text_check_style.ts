/** Of <ai-text-check>: follows the page's font and colour scheme. */
export const STYLE = `
:host {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.5rem 0.75rem;
  font: inherit;
}
:host([hidden]),
[hidden] {
  display: none;
}
button {
  min-height: 2.75rem;
  padding: 0.4rem 0.9rem;
  font: inherit;
  cursor: pointer;
}
button[aria-disabled='true'] {
  cursor: progress;
}
meter {
  width: 8rem;
}
[role='status'] {
  flex: 1 1 16rem;
  min-height: 1.5em;
}
`;
