// A sentence at the bottom of the page, also for screen readers (the container is a live region).
import { Toast } from 'bootstrap';
import htmx from 'htmx.org';
import { visit } from './pages.js';

// Takes the last act back, for as long as its toast is shown.
let takeBack = null;

export function toast(sentence, { problem = false, undo = null } = {}) {
  const element = document.createElement('div');
  element.className = `toast align-items-center text-bg-${problem ? 'danger' : 'dark'} border-0`;
  element.innerHTML = '<div class="d-flex"><div class="toast-body"></div>' +
    '<button type="button" class="btn-close btn-close-white me-2 m-auto" data-bs-dismiss="toast" aria-label="Close"></button></div>';
  element.querySelector('.toast-body').textContent = sentence;
  if (undo) element.querySelector('.toast-body').after(undoButton(undo, element));
  const back = () => element.querySelector('.undo').click();
  if (undo) takeBack = back;
  document.getElementById('toasts').append(element);
  element.addEventListener('hidden.bs.toast', () => {
    if (takeBack === back) takeBack = null;
    element.remove();
  });
  new Toast(element, { delay: undo ? 15000 : problem ? 9000 : 4000 }).show();
}

// What was done can be taken back: the fields are posted to `url`.
function undoButton({ url, ...fields }, element) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'btn btn-sm btn-link undo';
  button.textContent = 'Undo';
  button.setAttribute('aria-keyshortcuts', 'Control+Z');
  button.title = 'Ctrl+Z';
  button.addEventListener('click', () => {
    Toast.getInstance(element)?.hide();
    takeBack = null;
    // A list renews itself and keeps the keyboard where it is; the page of the thing itself, or one without a list, does not.
    const here = location.pathname.split('/').pop();
    const isStale = (here && `${url} ${fields.id}`.includes(here)) || !document.querySelector('#main [hx-trigger*="refresh from:body"]');
    htmx.ajax('POST', url, { values: fields, swap: 'none', target: 'body' }).then(() => isStale && visit()).catch(() => {});
  });
  return button;
}

// What the server says of a problem: RFC 9457.
export function problemOf(text, fallback = 'The server could not be reached; try again.') {
  try {
    const problem = JSON.parse(text);
    return problem.detail || problem.title || fallback;
  } catch {
    return fallback;
  }
}

document.addEventListener('keydown', event => {
  if (!takeBack || event.key !== 'z' || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
  if (event.target.closest('input:not([type=checkbox]), textarea, select')) return;
  event.preventDefault();
  takeBack();
});

document.addEventListener('toast', event => toast(event.detail.value));
document.addEventListener('htmx:afterRequest', ({ detail: { xhr } }) => {
  if (xhr.status !== 200 || xhr.getResponseHeader('Content-Type') !== 'application/json') return;
  const { sentence, undo } = JSON.parse(xhr.responseText);
  toast(sentence, { undo });
});
document.addEventListener('htmx:responseError', event => toast(problemOf(event.detail.xhr.responseText), { problem: true }));
document.addEventListener('htmx:sendError', () => toast('The server could not be reached; try again.', { problem: true }));
