// Links of ours change the page in place, so that uploads go on while one looks around.
import { Modal, Offcanvas } from 'bootstrap';
import htmx from 'htmx.org';

const SHELL = '#shell';
const ELSEWHERE = /^\/(api|viewer|static)\//;

const load = (url, push, scroll) => htmx.ajax('GET', url, {
  target: SHELL, select: SHELL, swap: `outerHTML${scroll}`, push, headers: { 'HX-Boosted': 'true' },
}).catch(() => {}); // a toast has said it

// Go to a page of ours; without a URL, renew the one that is shown.
export function visit(url) {
  for (const open of document.querySelectorAll('.modal.show')) Modal.getInstance(open)?.hide();
  Offcanvas.getInstance(document.getElementById('sidebar'))?.hide();
  return url ? load(url, url, ' show:window:top') : load(location.href, 'false', '');
}

document.addEventListener('click', event => {
  const link = event.target.closest('a[href]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (!document.querySelector('#sidebar') || link.target || link.hasAttribute('download') || link.getAttribute('href').startsWith('#')) return;
  if (link.origin !== location.origin || ELSEWHERE.test(link.pathname)) return;
  event.preventDefault();
  visit(link.href);
});

// A form that leads to a page of ours does so in place, too.
document.addEventListener('submit', event => {
  const form = event.target;
  if (!form.matches('form[data-visit]')) return;
  event.preventDefault();
  const asked = [...new FormData(form)].filter(([, value]) => value !== '');
  visit(`${form.action}?${new URLSearchParams(asked)}`);
});

// A slash goes to the search, wherever one is; on its page the box says what was asked.
document.addEventListener('keydown', event => {
  const box = document.getElementById('search');
  if (event.key !== '/' || !box || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, [contenteditable], .modal')) return;
  event.preventDefault();
  box.select();
});
document.addEventListener('htmx:afterSettle', event => {
  const box = document.getElementById('search');
  if (!box || !event.detail.target?.matches(SHELL)) return;
  box.value = location.pathname === new URL(box.form.action).pathname ? new URLSearchParams(location.search).get('q') ?? '' : '';
});

// What there is room for on a wide screen is open there.
document.addEventListener('htmx:afterSettle', event => {
  for (const one of event.detail.target?.querySelectorAll('details[data-wide]') ?? []) one.open = matchMedia('(min-width: 768px)').matches;
});

// Who uses the keyboard or a screen reader goes on in the new page, not at the top of everything.
document.addEventListener('htmx:afterSettle', event => {
  if (event.detail.target?.matches(SHELL) && document.activeElement === document.body) document.getElementById('main').focus({ preventScroll: true });
});

document.addEventListener('visit', event => visit(event.detail.value));
document.addEventListener('reload', () => visit());

// Done: dialogs close, and lists renew themselves (hx-trigger="refresh from:body"). An act on the very place that is
// shown says in data-then where to go instead; before the lists hear of it, for they may be gone.
document.addEventListener('refresh', event => {
  for (const open of document.querySelectorAll('.modal.show')) Modal.getInstance(open)?.hide();
  const then = event.target.dataset?.then;
  if (!then) return;
  event.stopPropagation();
  visit(then);
}, true);
