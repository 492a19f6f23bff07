// Uploads by tus: files and folders, several at a time, that go on after a broken connection or a reload.
import * as tus from 'tus-js-client';
import { fromDrop, fromInput } from './dropped.js';
import { problemOf, toast } from './toasts.js';

const PARALLEL = 4;
const SMALL_BYTES = 4 << 20; // up to here a file goes in one request, and is not worth remembering
const REFRESH_MS = 1500;
const ROWS = 30;
const RETRIES = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const csrf = () => document.body.dataset.csrf;

const state = { items: [], done: 0, paused: false, panel: null, refreshed: 0, folded: false };

function add(file, path, parent) {
  state.items.push({ file, path, parent, sent: 0, state: 'waiting', problem: '' });
}

function fingerprint(item) {
  return `sinfonietta ${item.parent} ${item.path} ${item.file.size} ${item.file.lastModified}`;
}

function upload(item) {
  item.state = 'sending';
  const small = item.file.size <= SMALL_BYTES;
  item.upload = new tus.Upload(item.file, {
    endpoint: '/api/v1/uploads/',
    metadata: { filename: item.file.name, relativePath: item.path, parent: item.parent, modified: String(item.file.lastModified) },
    headers: { 'X-CSRFToken': csrf() },
    uploadDataDuringCreation: small,
    retryDelays: RETRIES,
    fingerprint: async () => fingerprint(item),
    storeFingerprintForResuming: !small,
    removeFingerprintOnSuccess: true,
    onShouldRetry: error => !(error.originalResponse?.getStatus() >= 400 && error.originalResponse.getStatus() < 500 && error.originalResponse.getStatus() !== 409),
    onProgress: sent => { item.sent = sent; draw(); },
    onSuccess: () => end(item, 'done'),
    onError: error => end(item, 'failed', problemOf(error.originalResponse?.getBody(), 'The connection broke off.')),
  });
  if (small) item.upload.start();
  else item.upload.findPreviousUploads().then(previous => {
    if (previous.length) item.upload.resumeFromPreviousUpload(previous[0]);
    item.upload.start();
  });
}

function end(item, how, problem = '') {
  item.state = how;
  item.problem = problem;
  item.upload = null;
  if (how === 'done') {
    item.sent = item.file.size;
    item.file = { size: item.file.size, name: item.file.name, lastModified: item.file.lastModified };
    state.done += 1;
  }
  next();
}

function next() {
  if (!state.paused) {
    let running = state.items.filter(item => item.state === 'sending').length;
    for (const item of state.items) {
      if (running >= PARALLEL) break;
      if (item.state !== 'waiting') continue;
      upload(item);
      running += 1;
    }
  }
  draw();
  if (state.done) refreshTable();
}

// The table shows what has arrived: now and then while it goes on, and at the end.
let refreshTimer = null;
function refreshTable() {
  const wait = isOver() ? 0 : Math.max(0, REFRESH_MS - (Date.now() - state.refreshed));
  if (refreshTimer && wait) return;
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => {
    refreshTimer = null;
    state.refreshed = Date.now();
    if (!document.querySelector('.modal.show, .dropdown-menu.show')) document.body.dispatchEvent(new CustomEvent('refresh'));
  }, wait);
}

const isOver = () => state.items.every(item => ['done', 'failed', 'stopped'].includes(item.state));

function pauseOrResume() {
  state.paused = !state.paused;
  for (const item of state.items) {
    if (state.paused && item.state === 'sending') {
      item.upload.abort();
      item.state = 'held';
    } else if (!state.paused && item.state === 'held') {
      item.state = 'sending';
      item.upload.start();
    }
  }
  next();
}

function stop() {
  for (const item of state.items) {
    if (item.upload) item.upload.abort(true).catch(() => {});
    if (!['done', 'failed'].includes(item.state)) item.state = 'stopped';
  }
  close();
}

function retry() {
  for (const item of state.items) if (item.state === 'failed' && item.file instanceof File) item.state = 'waiting';
  next();
}

function close() {
  state.items = [];
  state.done = 0;
  state.paused = false;
  state.panel.hidden = true;
}

const size = bytes => {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes ? Math.min(Math.floor(Math.log2(bytes) / 10), 4) : 0;
  return `${(bytes / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
};

let frame = 0;
function draw() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(paint);
}

function paint() {
  const { panel, items } = state;
  if (!items.length) return;
  panel.hidden = false;
  const failed = items.filter(item => item.state === 'failed');
  const total = items.reduce((sum, item) => sum + item.file.size, 0);
  const sent = items.reduce((sum, item) => sum + item.sent, 0);
  const over = isOver();
  const title = over
    ? (failed.length ? `${state.done} uploaded, ${failed.length} failed` : `${state.done} ${state.done === 1 ? 'file' : 'files'} uploaded`)
    : `${state.paused ? 'Paused: ' : 'Uploading '}${state.done} of ${items.length}`;
  if (!panel.firstElementChild) panel.innerHTML = PANEL;
  const find = name => panel.querySelector(`[data-${name}]`);
  if (find('title').textContent !== title) find('title').textContent = title;
  find('all').value = total ? sent / total : (over ? 1 : 0);
  find('sizes').textContent = `${size(sent)} of ${size(total)}`;
  find('pause').hidden = find('stop').hidden = over;
  find('pause').firstElementChild.className = state.paused ? 'bi bi-play-fill' : 'bi bi-pause-fill';
  find('pause').setAttribute('aria-label', state.paused ? 'Resume' : 'Pause');
  find('retry').hidden = !failed.length || !over;
  find('close').hidden = !over;
  find('rows').hidden = state.folded;
  const shown = [...failed, ...items.filter(item => ['sending', 'held'].includes(item.state)), ...items.filter(item => item.state === 'waiting'), ...items.filter(item => item.state === 'done').reverse()].slice(0, ROWS);
  find('rows').replaceChildren(...shown.map(row));
  panel.dataset.state = over ? (failed.length ? 'failed' : 'done') : 'busy';
}

function row(item) {
  const element = document.createElement('li');
  element.className = `is-${item.state}`;
  const name = document.createElement('span');
  name.textContent = item.path;
  name.title = item.path;
  element.append(name);
  if (item.problem) {
    const problem = document.createElement('em');
    problem.textContent = item.problem;
    element.append(problem);
  } else {
    const bar = document.createElement('progress');
    bar.max = 1;
    bar.value = item.state === 'done' ? 1 : (item.file.size ? item.sent / item.file.size : 0);
    bar.setAttribute('aria-label', item.path);
    element.append(bar);
  }
  return element;
}

const PANEL = `<header><strong data-title role="status"></strong><span data-sizes></span>
  <button class="btn btn-icon btn-sm" type="button" data-pause aria-label="Pause"><i class="bi bi-pause-fill"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-retry aria-label="Try the failed ones again"><i class="bi bi-arrow-clockwise"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-fold aria-label="Show or hide the files"><i class="bi bi-chevron-expand"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-stop aria-label="Stop all uploads"><i class="bi bi-stop-fill"></i></button>
  <button class="btn btn-icon btn-sm" type="button" data-close aria-label="Close"><i class="bi bi-x-lg"></i></button></header>
  <progress data-all max="1" value="0" aria-label="All uploads"></progress><ul data-rows></ul>`;

async function begin(found, parent) {
  for await (const { file, path } of found) {
    add(file, path, parent);
    if (state.items.length % 50 === 1) next();
  }
  next();
}

function choose(kind, parent) {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = true;
  input.webkitdirectory = kind === 'folder';
  input.addEventListener('change', () => begin(fromInput(input), parent));
  input.click();
}

// Uploads that a reload or a crash of the browser cut off are remembered here by tus-js-client.
function interrupted() {
  return Object.keys(localStorage).filter(key => key.startsWith('tus::sinfonietta '));
}

function offerToResume(here) {
  const keys = interrupted();
  if (!keys.length) return;
  const kept = keys.map(key => JSON.parse(localStorage[key]).metadata ?? {});
  const names = kept.map(metadata => metadata.filename).slice(0, 3).join(', ');
  const elsewhere = kept.map(metadata => metadata.parent).find(parent => parent !== here);
  const notice = document.createElement('div');
  notice.className = 'alert alert-info d-flex gap-2 align-items-center';
  notice.innerHTML = '<i class="bi bi-cloud-slash" aria-hidden="true"></i><span class="flex-grow-1"></span><button type="button" class="btn btn-sm btn-outline-secondary">Forget them</button>';
  notice.querySelector('span').textContent = `${keys.length === 1 ? 'An upload was' : `${keys.length} uploads were`} interrupted (${names}${keys.length > 3 ? ', …' : ''}). Choose or drop the same files again where they belong, and they go on where they stopped. `;
  if (elsewhere) {
    const link = document.createElement('a');
    link.href = `/nodes/${elsewhere}`;
    link.textContent = 'Go there';
    notice.querySelector('span').append(link);
  }
  notice.querySelector('button').addEventListener('click', () => {
    for (const key of keys) {
      const { uploadUrl } = JSON.parse(localStorage[key]);
      if (uploadUrl) tus.Upload.terminate(uploadUrl, { headers: { 'X-CSRFToken': csrf() } }).catch(() => {});
      localStorage.removeItem(key);
    }
    notice.remove();
  });
  document.querySelector('.drop')?.before(notice);
}

document.addEventListener('DOMContentLoaded', () => {
  state.panel = document.getElementById('uploads');
  const actions = { pause: pauseOrResume, retry, stop, close, fold: () => { state.folded = !state.folded; draw(); } };
  state.panel.addEventListener('click', event => {
    const button = event.target.closest('button');
    for (const name in actions) if (button && name in button.dataset) actions[name]();
  });
  const place = document.querySelector('[data-parent]');
  if (!place) return;
  const { parent } = place.dataset;
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-upload]');
    if (button) choose(button.dataset.upload, parent);
  });
  let depth = 0;
  const isFiles = event => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragenter', event => { if (isFiles(event) && ++depth) place.classList.add('is-over'); });
  document.addEventListener('dragleave', event => { if (isFiles(event) && --depth <= 0) place.classList.remove('is-over'); });
  document.addEventListener('dragover', event => { if (isFiles(event)) event.preventDefault(); });
  document.addEventListener('drop', event => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    place.classList.remove('is-over');
    begin(fromDrop(event.dataTransfer), parent).catch(() => toast('The folder could not be read.', { problem: true }));
  });
  offerToResume(parent);
});

window.addEventListener('beforeunload', event => { if (state.items.length && !isOver()) event.preventDefault(); });
