// The share dialog: somebody found becomes a row of the form.
document.addEventListener('click', event => {
  const found = event.target.closest('[data-add-grant]');
  if (!found) return;
  const form = found.closest('.share').querySelector('#share-form');
  const { kind, who, name } = found.dataset;
  if (![...form.querySelectorAll('[name=who]')].some(input => input.value === who)) {
    const row = form.querySelector('[data-grant-template]').content.cloneNode(true);
    row.querySelector('strong').textContent = name;
    row.querySelector('[name=kind]').value = kind;
    row.querySelector('[name=who]').value = who;
    if (kind === 'group') row.querySelector('i').className = 'bi bi-people-fill';
    form.querySelector('[data-grants]').prepend(row);
  }
  form.querySelector('#share-found').replaceChildren();
  const input = form.querySelector('#share-q');
  input.value = '';
  input.focus();
});
