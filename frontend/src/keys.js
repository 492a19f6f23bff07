// Shortcuts of one key or two: `?` shows them, `g` and a letter goes to a page. Who does not want them, as voice control
// may press keys by chance, switches them off in the help; this browser remembers it.
import htmx from 'htmx.org';
import { visit } from './pages.js';

const PLACES = { h: '/home', c: '/', s: '/shared', d: '/studies', j: '/jobs', t: '/trash', n: '/notices' };
const OFF = 'shortcuts-off';
const WAIT_MS = 1500;
let wentAt = -Infinity;

const help = () => htmx.ajax('GET', '/help', { target: '#dialog-content', swap: 'innerHTML' }).catch(() => {});

document.addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
  if (!document.getElementById('sidebar') || event.target.closest('input:not([type=checkbox]), textarea, select, .modal, .stage')) return;
  const place = event.timeStamp - wentAt < WAIT_MS && PLACES[event.key];
  wentAt = event.key === 'g' ? event.timeStamp : -Infinity;
  if (event.key === '?') help();
  else if (place) visit(place);
  else return;
  event.preventDefault();
});

// Arrow keys go from link to link in lists that are no tables.
document.addEventListener('keydown', event => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const list = step && event.target.closest('.cards, .desk-list, .news, .notices');
  if (!list) return;
  const links = [...list.querySelectorAll('a')];
  const next = links[links.indexOf(event.target.closest('a')) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

document.addEventListener('change', event => {
  if (!event.target.matches('[data-shortcuts]')) return;
  if (event.target.checked) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, '1');
});
document.addEventListener('htmx:afterSwap', () => {
  for (const box of document.querySelectorAll('[data-shortcuts]')) box.checked = !localStorage.getItem(OFF);
});

// A report names the page, and the request that went wrong or showed it; the server filled in those of the first page.
let request = '';
document.addEventListener('htmx:afterRequest', ({ detail: { xhr, requestConfig } }) => {
  if (xhr.status >= 400 || requestConfig.headers['HX-Boosted']) request = xhr.getResponseHeader('X-Request-ID') || request;
});
document.addEventListener('click', event => {
  const link = event.target.closest('[data-report]');
  if (!link || !request) return;
  const body = `What happened?\n\n\nPage: ${location.origin}${location.pathname}\nRequest: ${request}\n`;
  link.href = `${link.href.split('?')[0]}?subject=${encodeURIComponent(link.dataset.report)}&body=${encodeURIComponent(body)}`;
}, true);
