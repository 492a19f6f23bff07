// The one dialog of the page: its content comes from the server, or asks for a name.
import { Modal } from 'bootstrap';
import htmx from 'htmx.org';

const dialog = () => Modal.getOrCreateInstance(document.getElementById('dialog'));

// After the settling, when what is in it answers to keys. It follows the swap at once (htmx-config in base.html): quick
// hands would type into what does not listen yet.
document.addEventListener('htmx:afterSettle', event => {
  const content = event.detail.target;
  if (content?.id !== 'dialog-content') return;
  // In an open dialog the button that had the focus is gone: the keyboard goes on at the first choice.
  if (content.closest('.modal.show') && !content.contains(document.activeElement)) content.querySelector('[role=alert], .list-group button, .modal-body button, .modal-body input')?.focus();
  dialog().show();
});
document.addEventListener('shown.bs.modal', event => event.target.querySelector('[autofocus], [data-focus]')?.focus());

document.addEventListener('click', event => {
  const button = event.target.closest('[data-ask]');
  if (!button) return;
  const { ask, askUrl, askKind = '', askValue = '', then } = button.dataset;
  const content = document.getElementById('dialog-content');
  content.innerHTML = `<form hx-swap="none">
    <div class="modal-header"><h2 class="modal-title" id="dialog-title"></h2><button type="button" class="btn-close" data-bs-dismiss="modal" aria-label="Close"></button></div>
    <div class="modal-body"><input type="hidden" name="kind"><label class="form-label" for="ask-name">Name</label><input class="form-control" id="ask-name" name="name" maxlength="255" required data-focus autocomplete="off"></div>
    <div class="modal-footer"><button class="btn btn-primary">Save</button></div></form>`;
  const form = content.querySelector('form');
  content.querySelector('h2').textContent = ask;
  content.querySelector('[name=kind]').value = askKind;
  const input = content.querySelector('[name=name]');
  input.value = askValue;
  form.setAttribute('hx-post', askUrl);
  if (then) form.dataset.then = then;
  htmx.process(content);
  dialog().show();
  const dot = askValue.lastIndexOf('.');
  document.getElementById('dialog').addEventListener('shown.bs.modal', () => input.setSelectionRange(0, dot > 0 ? dot : askValue.length), { once: true });
});

document.addEventListener('submit', event => {
  const { confirm: question } = event.target.dataset;
  if (question && !window.confirm(question)) event.preventDefault();
});
