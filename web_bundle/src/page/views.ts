/** The views of the page, by the fragment of its address. */
export type View = 'one-text' | 'compare' | 'files';

const VIEWS: readonly View[] = ['one-text', 'compare', 'files'];

/** Shows the view that the address names, now and whenever it changes. */
export function followAddress(entered: (view: View) => void): void {
  const show = () => {
    const view = VIEWS.find((name) => location.hash === `#${name}`) ?? 'one-text';
    document.documentElement.dataset.view = view;
    for (const part of document.querySelectorAll<HTMLElement>('[data-in]')) {
      part.hidden = !part.dataset.in?.split(' ').includes(view);
    }
    for (const link of document.querySelectorAll('.views a')) {
      const current = link.getAttribute('href') === `#${view}`;
      link.toggleAttribute('aria-current', current);
      if (current) link.setAttribute('aria-current', 'page');
    }
    entered(view);
  };
  window.addEventListener('hashchange', show);
  show();
}
