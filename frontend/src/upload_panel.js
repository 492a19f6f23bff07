// What the corner of the page shows of the uploads: each file and all of them.
const ROWS = 30;
const PAINT_MS = 100;

export const state = { items: [], done: 0, paused: false, offline: false, panel: null, folded: false };
export const isOver = () => state.items.every(item => ['done', 'failed', 'stopped'].includes(item.state));

let timer = null;
export function showPanel() {
  timer ??= setTimeout(() => { timer = null; paint(); }, PAINT_MS);
}

function size(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes ? Math.min(Math.floor(Math.log2(bytes) / 10), 4) : 0;
  return `${(bytes / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

function title(failed) {
  const { items, done, offline, paused } = state;
  if (!isOver()) return `${offline ? 'No network, waiting: ' : paused ? 'Paused: ' : 'Uploading '}${done} of ${items.length}`;
  return failed.length ? `${done} uploaded, ${failed.length} failed` : `${done} ${done === 1 ? 'file' : 'files'} uploaded`;
}

function paint() {
  const { panel, items } = state;
  if (!items.length) return;
  panel.hidden = false;
  if (!panel.firstElementChild) panel.innerHTML = PANEL;
  const find = name => panel.querySelector(`[data-${name}]`);
  const failed = items.filter(item => item.state === 'failed');
  const total = items.reduce((sum, item) => sum + item.file.size, 0);
  const sent = items.reduce((sum, item) => sum + item.sent, 0);
  const over = isOver();
  find('title').textContent = title(failed);
  // A screen reader hears when it begins, waits, goes on and ends, not every file.
  const phase = over ? title(failed) : state.offline ? 'The uploads wait for the network.' : state.paused ? 'The uploads are paused.' : 'Uploading.';
  if (find('said').textContent !== phase) find('said').textContent = phase;
  find('all').value = total ? sent / total : (over ? 1 : 0);
  find('sizes').textContent = `${size(sent)} of ${size(total)}`;
  find('pause').hidden = over || state.offline;
  find('stop').hidden = over;
  find('pause').firstElementChild.className = state.paused ? 'bi bi-play-fill' : 'bi bi-pause-fill';
  find('pause').setAttribute('aria-label', state.paused ? 'Resume' : 'Pause');
  find('retry').hidden = !failed.length || !over;
  find('close').hidden = !over;
  find('rows').hidden = state.folded;
  find('fold').setAttribute('aria-expanded', !state.folded);
  const inState = (...states) => items.filter(item => states.includes(item.state));
  const shown = [...failed, ...inState('sending', 'held'), ...inState('waiting'), ...inState('done').reverse()].slice(0, ROWS);
  find('rows').replaceChildren(...shown.map(row));
}

function row(item) {
  const element = document.createElement('li');
  element.className = `is-${item.state}`;
  const name = document.createElement('bdi');
  name.textContent = item.path.split('/').pop();
  name.title = item.path;
  element.append(name);
  if (item.problem) {
    const problem = document.createElement('em');
    problem.textContent = item.problem;
    element.append(problem);
    return element;
  }
  const bar = document.createElement('progress');
  bar.max = 1;
  bar.value = item.state === 'done' ? 1 : (item.file.size ? item.sent / item.file.size : 0);
  bar.setAttribute('aria-label', item.path);
  element.append(bar);
  return element;
}

const PANEL = `<header><strong data-title></strong><span data-sizes></span><span class="visually-hidden" role="status" data-said></span>
  <button class="btn btn-icon btn-sm" type="button" data-pause aria-label="Pause"><i class="bi bi-pause-fill"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-retry aria-label="Try the failed ones again"><i class="bi bi-arrow-clockwise"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-fold aria-label="The files" aria-expanded="true"><i class="bi bi-chevron-expand"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-stop aria-label="Stop all uploads"><i class="bi bi-stop-fill"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-close aria-label="Close"><i class="bi bi-x-lg"></i></button></header>
  <progress data-all max="1" value="0" aria-label="All uploads"></progress><ul data-rows></ul>`;
