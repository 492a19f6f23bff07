// A sentence at the bottom of the page, also for screen readers (the container is a live region).
import { Toast } from 'bootstrap';
import htmx from 'htmx.org';

export function toast(sentence, { problem = false, undo = null } = {}) {
  const element = document.createElement('div');
  element.className = `toast align-items-center text-bg-${problem ? 'danger' : 'dark'} border-0`;
  element.innerHTML = '<div class="d-flex"><div class="toast-body"></div>' +
    '<button type="button" class="btn-close btn-close-white me-2 m-auto" data-bs-dismiss="toast" aria-label="Close"></button></div>';
  element.querySelector('.toast-body').textContent = sentence;
  if (undo) element.querySelector('.toast-body').after(undoButton(undo, element));
  document.getElementById('toasts').append(element);
  element.addEventListener('hidden.bs.toast', () => element.remove());
  new Toast(element, { delay: problem || undo ? 9000 : 4000 }).show();
}

// What was done can be taken back: `id` is posted to `url`.
function undoButton({ url, id }, element) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'btn btn-sm btn-link undo';
  button.textContent = 'Undo';
  button.addEventListener('click', () => {
    Toast.getInstance(element)?.hide();
    htmx.ajax('POST', url, { values: { id }, swap: 'none', target: 'body' });
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

document.addEventListener('toast', event => toast(event.detail.value));
document.addEventListener('htmx:afterRequest', ({ detail: { xhr } }) => {
  if (xhr.status !== 200 || xhr.getResponseHeader('Content-Type') !== 'application/json') return;
  const { sentence, undo } = JSON.parse(xhr.responseText);
  toast(sentence, { undo });
});
document.addEventListener('htmx:responseError', event => toast(problemOf(event.detail.xhr.responseText), { problem: true }));
document.addEventListener('htmx:sendError', () => toast('The server could not be reached; try again.', { problem: true }));
