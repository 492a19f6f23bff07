// Choosing rows of a table: boxes, shift for a range, all on the page, and what can be done with them.
let last = null;

const boxes = form => [...form.querySelectorAll('tbody input[name=id]')];

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

document.addEventListener('click', event => {
  const box = event.target.closest('#table input[type=checkbox]');
  if (!box) return;
  const form = box.form;
  if ('selectAll' in box.dataset) {
    for (const one of boxes(form)) one.checked = box.checked;
  } else {
    const all = boxes(form);
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      for (const one of all.slice(from, to + 1)) one.checked = box.checked;
    }
    last = box;
  }
  show(form);
});

// Arrow keys go from row to row, space chooses, Delete moves what is chosen to the trash.
document.addEventListener('keydown', event => {
  const row = event.target.closest('#table tbody tr');
  if (!row || event.target.closest('.dropdown-menu')) return;
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  if (step && row[step]) {
    event.preventDefault();
    row[step].querySelector(event.target.matches('input') ? 'input' : 'td.name a').focus();
  } else if (event.key === 'Delete') {
    document.querySelector('[data-selection]:not([hidden]) [hx-post]')?.click();
  }
});

// A refreshed table keeps what was chosen.
let kept = [];
document.addEventListener('htmx:beforeSwap', event => {
  if (event.detail.target.id === 'table') kept = boxes(event.detail.target).filter(box => box.checked).map(box => box.value);
});
document.addEventListener('htmx:afterSettle', () => {
  const form = document.getElementById('table');
  if (!form || !kept.length) return;
  for (const box of boxes(form)) box.checked ||= kept.includes(box.value);
  kept = [];
  show(form);
});
