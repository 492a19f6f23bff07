// Uploads by tus: files and folders, several at a time, that go on after a broken connection or a reload.
import htmx from 'htmx.org';
import * as tus from 'tus-js-client';
import { fromDrop, fromInput } from './dropped.js';
import { visit } from './pages.js';
import { problemOf, toast } from './toasts.js';
import { isOver, showPanel, state } from './upload_panel.js';

const PARALLEL = 4;
const SMALL_BYTES = 4 << 20; // up to here a file goes in one request, and is not worth remembering
const REFRESH_MS = 1500;
const RETRIES = [0, 1000, 3000, 5000, 10000, 20000, 30000];
const BROKEN = 'The connection broke off.';
const csrf = () => document.body.dataset.csrf;

function fingerprint(item) {
  return `sinfonietta ${item.parent} ${item.path} ${item.file.size} ${item.file.lastModified}`;
}

function upload(item) {
  item.state = 'sending';
  const small = item.file.size <= SMALL_BYTES;
  item.upload = new tus.Upload(item.file, {
    endpoint: '/api/v1/uploads/',
    metadata: { filename: item.path.split('/').pop(), relativePath: item.path, parent: item.parent, modified: String(item.file.lastModified) },
    headers: { 'X-CSRFToken': csrf() },
    uploadDataDuringCreation: small,
    retryDelays: RETRIES,
    fingerprint: async () => fingerprint(item),
    storeFingerprintForResuming: !small,
    removeFingerprintOnSuccess: true,
    onShouldRetry: error => !(error.originalResponse?.getStatus() >= 400 && error.originalResponse.getStatus() < 500 && error.originalResponse.getStatus() !== 409),
    onProgress: sent => { item.sent = sent; showPanel(); },
    onSuccess: () => end(item, 'done'),
    onError: error => end(item, 'failed', reason(error.originalResponse)),
  });
  if (small) item.upload.start();
  else item.upload.findPreviousUploads().then(previous => {
    if (previous.length) item.upload.resumeFromPreviousUpload(previous[0]);
    item.upload.start();
  });
}

function reason(response) {
  if (response?.getStatus() === 401) return 'You are not signed in any more: sign in again, and try it again here.';
  return problemOf(response?.getBody(), BROKEN);
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
  showPanel();
  if (state.done) refreshPage();
}

// The page shows what has arrived: now and then while it goes on, and at the end.
let refreshTimer = null;
let refreshed = 0;
function refreshPage() {
  const wait = isOver() ? 0 : Math.max(0, REFRESH_MS - (Date.now() - refreshed));
  if (refreshTimer && wait) return;
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => {
    refreshTimer = null;
    refreshed = Date.now();
    if (state.offline || document.querySelector('.modal.show, .dropdown-menu.show')) return;
    if (document.querySelector('#shell [hx-trigger^="refresh"]')) document.body.dispatchEvent(new CustomEvent('refresh'));
    else if (document.querySelector('[data-upload=version]')) visit();
  }, wait);
}

function pause() {
  state.paused = true;
  for (const item of state.items.filter(one => one.state === 'sending')) {
    item.upload.abort();
    item.state = 'held';
  }
  next();
}

function resume() {
  state.paused = false;
  for (const item of state.items.filter(one => one.state === 'held')) {
    item.state = 'sending';
    item.upload.start();
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

function retry(which = () => true) {
  for (const item of state.items) if (item.state === 'failed' && which(item)) item.state = 'waiting';
  next();
}

function close() {
  Object.assign(state, { items: [], done: 0, paused: false });
  state.panel.hidden = true;
}

// Without a network nothing fails: it waits, and goes on by itself.
function offline() {
  if (isOver() || state.paused) return;
  state.offline = true;
  pause();
}

function online() {
  const waited = state.offline;
  state.offline = false;
  if (waited) resume();
  retry(item => item.problem === BROKEN);
}

async function begin(found, parent) {
  for await (const { file, path } of found) {
    state.items.push({ file, path, parent, sent: 0, state: 'waiting', problem: '' });
    if (state.items.length % 50 === 1) next();
  }
  next();
}

function choose(kind, parent, name) {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = kind !== 'version';
  input.webkitdirectory = kind === 'folder';
  input.addEventListener('change', () => begin(kind === 'version' ? [{ file: input.files[0], path: name }] : fromInput(input), parent));
  input.click();
}

// Uploads that a reload or a crash of the browser cut off are remembered here by tus-js-client.
const interrupted = () => Object.keys(localStorage).filter(key => key.startsWith('tus::sinfonietta '));

function offerToResume(place) {
  const keys = interrupted();
  if (!keys.length || !isOver() || document.querySelector('[data-interrupted]')) return;
  const kept = keys.map(key => JSON.parse(localStorage[key]).metadata ?? {});
  const names = kept.map(metadata => metadata.filename).slice(0, 3).join(', ');
  const elsewhere = kept.map(metadata => metadata.parent).find(parent => parent !== place.dataset.parent);
  const notice = document.createElement('div');
  notice.className = 'alert alert-info d-flex gap-2 align-items-center';
  notice.dataset.interrupted = '';
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
  place.before(notice);
}

const place = () => document.querySelector('[data-parent]');

function received(transfer) {
  if (!place()) {
    toast(document.querySelector('.drop') ? 'You may read this place, and add nothing to it.' : 'Open the folder that they belong in, and drop them there.', { problem: true });
    return;
  }
  begin(fromDrop(transfer), place().dataset.parent).catch(() => toast('The folder could not be read.', { problem: true }));
}

document.addEventListener('DOMContentLoaded', () => {
  state.panel = document.getElementById('uploads');
  const actions = { pause: () => (state.paused ? resume() : pause()), retry: () => retry(), stop, close, fold: () => { state.folded = !state.folded; showPanel(); } };
  state.panel.addEventListener('click', event => {
    const button = event.target.closest('button');
    for (const name in actions) if (button && name in button.dataset) actions[name]();
  });
});
document.addEventListener('click', event => {
  const button = event.target.closest('[data-upload]');
  if (button) choose(button.dataset.upload, button.dataset.into ?? place().dataset.parent, button.dataset.name);
});
let depth = 0;
const isFiles = event => event.dataTransfer?.types.includes('Files');
document.addEventListener('dragenter', event => { if (isFiles(event) && ++depth) place()?.classList.add('is-over'); });
document.addEventListener('dragleave', event => { if (isFiles(event) && --depth <= 0) place()?.classList.remove('is-over'); });
document.addEventListener('dragover', event => { if (isFiles(event)) event.preventDefault(); });
document.addEventListener('drop', event => {
  if (!isFiles(event)) return;
  event.preventDefault(); // or the browser would open the file and leave the page
  depth = 0;
  place()?.classList.remove('is-over');
  received(event.dataTransfer);
});
htmx.onLoad(() => { if (state.panel && place()) offerToResume(place()); });
window.addEventListener('offline', offline);
window.addEventListener('online', online);
window.addEventListener('beforeunload', event => { if (state.items.length && !isOver()) event.preventDefault(); });
