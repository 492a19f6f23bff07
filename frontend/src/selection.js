// Choosing rows of a table: boxes, shift for a range, all on the page, and what can be done with them.
let last = null;

const table = () => document.querySelector('[data-table]');
const boxes = form => [...form.querySelectorAll('tbody .check input')];

function show(form) {
  const all = boxes(form);
  const chosen = all.filter(box => box.checked);
  for (const box of all) box.closest('tr').classList.toggle('chosen', box.checked);
  const bar = form.querySelector('[data-selection]');
  if (!bar) return;
  bar.hidden = chosen.length === 0;
  form.querySelector('[data-selected-count]').textContent = `${chosen.length} selected`;
  const head = form.querySelector('[data-select-all]');
  head.checked = chosen.length > 0 && chosen.length === all.length;
  head.indeterminate = chosen.length > 0 && chosen.length < all.length;
}

function choose(form, checked) {
  for (const box of boxes(form)) box.checked = checked;
  show(form);
}

document.addEventListener('click', event => {
  const box = event.target.closest('[data-table] input[type=checkbox]');
  if (!box) return;
  const form = box.form;
  if ('selectAll' in box.dataset) return choose(form, box.checked);
  const all = boxes(form);
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  show(form);
});

// Arrow keys go from row to row, space chooses, Ctrl+A chooses all, Escape none, F2 renames, Delete goes to the trash.
document.addEventListener('keydown', event => {
  const form = event.target.closest('[data-table]');
  const row = event.target.closest('[data-table] tbody tr');
  if (!form || event.target.closest('.dropdown-menu')) return;
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  if (row && step && row[step]) row[step].querySelector(event.target.matches('input') ? 'input' : 'td.name a, input').focus();
  else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) choose(form, true);
  else if (event.key === 'Escape' && !form.querySelector('.dropdown-menu.show')) choose(form, false);
  else if (row && event.key === 'F2') row.querySelector('[data-ask]')?.click();
  else if (event.key === 'Delete') form.querySelector('[data-selection]:not([hidden]) [data-key=Delete]')?.click();
  else return;
  event.preventDefault();
});

// The zip comes beside the page: a page that is left for it would end the uploads.
document.addEventListener('submit', event => {
  const form = event.target;
  if (!form.matches('[data-table][action]')) return;
  event.preventDefault();
  const link = document.createElement('a');
  link.href = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  link.download = '';
  link.click();
});

// A refreshed table keeps what was chosen, and the keyboard stays in its row.
let kept = [];
let row = '';
document.addEventListener('htmx:beforeSwap', event => {
  const form = event.detail.target;
  if (!form?.matches('[data-table]')) return;
  kept = boxes(form).filter(box => box.checked).map(box => box.value);
  row = document.activeElement?.closest('[data-table] tbody tr')?.querySelector('.check input').value ?? '';
});
document.addEventListener('htmx:afterSettle', () => {
  const form = table();
  if (form && kept.length) {
    for (const box of boxes(form)) box.checked ||= kept.includes(box.value);
    show(form);
  }
  if (form && row && document.activeElement === document.body) boxes(form).find(box => box.value === row)?.focus();
  [kept, row] = [[], ''];
});
