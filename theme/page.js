// What mdBook's page lacks for those who read by keyboard. Nothing here is needed to read.
(() => {
  'use strict';
  const all = (selector) => document.querySelectorAll(selector);

  // mdBook's style sheet looks at a hidden box to see whether the table of contents is open.
  document.getElementById('mdbook-sidebar-toggle').addEventListener('click', () => document.getElementById('mdbook-sidebar-toggle-anchor').click());

  // What scrolls sideways is reached by the tab key, and scrolled by the arrows instead of turning the page.
  const reach = () => {
    for (const box of all('main pre > code, main .table-wrapper')) {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        box.role = 'group';
        box.ariaLabel = box.matches('code') ? 'Code, wider than the page' : 'Table, wider than the page';
      } else if (box.role === 'group') {
        box.removeAttribute('tabindex');
        box.removeAttribute('role');
        box.removeAttribute('aria-label');
      }
    }
  };
  for (const box of all('main pre > code, main .table-wrapper')) {
    box.addEventListener('keydown', (event) => {
      if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') event.stopPropagation();
    });
  }
  reach();
  document.fonts.ready.then(reach);
  addEventListener('resize', reach);
  document.addEventListener('toggle', reach, true);

  // On paper what was folded is open, but for answers, whose key stands below the last question, and whole programs.
  addEventListener('beforeprint', () => all('main details:not(.whole, .answer, [open])').forEach((it) => {
    it.open = true;
    it.dataset.printed = '';
  }));
  addEventListener('afterprint', () => all('details[data-printed]').forEach((it) => {
    it.open = false;
    delete it.dataset.printed;
  }));
})();
