// A series of images drawn by the server: slider, wheel, arrow keys, play, window. Tags follow the slice.
import htmx from 'htmx.org';

const AHEAD = 3;

export class Stack {
  constructor(root) {
    this.root = root;
    const slices = JSON.parse(document.getElementById('stack-slices').textContent);
    // A multi-frame object is a stack by itself.
    this.places = slices.flatMap(slice => Array.from({ length: slice.frames }, (_, frame) => ({ id: slice.id, frame: (slice.frame ?? 0) + frame })));
    this.find = name => root.querySelector(`[data-${name}]`);
    this.image = root.querySelector('.stage img');
    this.slider = this.find('slider');
    this.slider.max = this.places.length - 1;
    this.window = '';
    this.at = Number(root.dataset.at ?? Math.max(0, this.places.findIndex(place => place.id === root.dataset.stack)));
    this.tagged = `${this.places[this.at].id} ${this.places[this.at].frame}`;
    this.prepare();
    this.listen();
    this.go(this.at);
    if (this.places.length < 2) this.slider.hidden = this.find('play').hidden = this.find('rate').hidden = true;
  }

  // What a stack with more in it needs before its first image is drawn.
  prepare() {}

  url(position) {
    const { id, frame } = this.places[position];
    return `/files/${id}/image.png?frame=${frame}${this.window && `&window=${this.window}`}`;
  }

  go(position) {
    this.at = Math.min(Math.max(position, 0), this.places.length - 1);
    this.slider.value = this.at;
    this.slider.setAttribute('aria-valuetext', `image ${this.at + 1} of ${this.places.length}`);
    this.find('caption').textContent = this.places.length > 1 ? `${this.at + 1} / ${this.places.length}` : '';
    this.draw(this.url(this.at));
    clearTimeout(this.tagTimer);
    this.tagTimer = setTimeout(() => this.followTags(), 400);
  }

  // One request under way at a time: what was asked meanwhile is only the last wish.
  async draw(url) {
    this.wish = url;
    if (this.busy) return;
    this.busy = true;
    while (this.wish && this.wish !== this.shown) {
      const wanted = this.wish;
      await this.load(wanted);
      this.shown = wanted;
    }
    this.busy = false;
    for (let step = 1; step <= AHEAD && this.at + step < this.places.length; step++) new Image().src = this.url(this.at + step);
  }

  async load(url) {
    const said = this.find('undrawable');
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error((await response.json()).detail);
      const old = this.image.src;
      this.image.src = URL.createObjectURL(await response.blob());
      await this.image.decode();
      if (old.startsWith('blob:')) URL.revokeObjectURL(old);
      this.image.hidden = false;
      said.hidden = true;
    } catch (error) {
      this.image.hidden = true;
      said.hidden = false;
      said.textContent = `This cannot be drawn: ${error.message}`;
    }
    this.root.dataset.drawn = url;
  }

  async followTags() {
    const { id, frame } = this.places[this.at];
    const shown = `${id} ${frame}`;
    if (shown === this.tagged || 'keepsTags' in this.root.dataset) return;
    this.tagged = shown;
    const response = await fetch(`/files/${id}/tags?frame=${frame}`);
    if (!response.ok || this.tagged !== shown) return;
    document.getElementById('tag-list').innerHTML = await response.text();
    filterTags();
  }

  listen() {
    this.slider.addEventListener('input', () => this.go(Number(this.slider.value)));
    this.root.querySelector('.stage').addEventListener('wheel', event => {
      if (this.places.length < 2 || event.ctrlKey) return;
      event.preventDefault();
      this.go(this.at + Math.sign(event.deltaY));
    }, { passive: false });
    this.root.querySelector('.stage').addEventListener('keydown', event => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (step) this.go(this.at + step);
      else if (event.key === 'Home') this.go(0);
      else if (event.key === 'End') this.go(this.places.length - 1);
      else if (event.key === ' ') this.play();
      else return;
      event.preventDefault();
    });
    this.find('play').addEventListener('click', () => this.play());
    this.find('preset').addEventListener('change', event => {
      const own = event.target.value === 'own';
      this.find('own').hidden = !own;
      if (!own) this.setWindow(event.target.value);
    });
    this.find('own').addEventListener('input', () => {
      const [center, width] = [this.find('center').value, this.find('width').value];
      if (center !== '' && Number(width) > 0) this.setWindow(`${center},${width}`);
    });
    this.find('rate').addEventListener('change', () => { if (this.timer) { this.play(); this.play(); } });
    this.root.querySelector('.stage').addEventListener('pointerdown', event => this.drag(event));
  }

  // Dragging with the mouse sets the window, as at a workstation: across its width, up and down its center.
  drag(start) {
    const from = (this.window || this.root.dataset.window).split(',').map(Number);
    if (start.pointerType !== 'mouse' || start.button || from.length < 2) return;
    const stage = start.currentTarget;
    const move = event => {
      const step = Math.max(from[1], 16) / 300;
      this.find('preset').value = 'own';
      this.find('own').hidden = false;
      this.find('center').value = Math.round(from[0] + (event.clientY - start.clientY) * step);
      this.find('width').value = Math.max(1, Math.round(from[1] + (event.clientX - start.clientX) * step));
      this.setWindow(`${this.find('center').value},${this.find('width').value}`);
    };
    stage.setPointerCapture(start.pointerId);
    stage.addEventListener('pointermove', move);
    stage.addEventListener('lostpointercapture', () => stage.removeEventListener('pointermove', move), { once: true });
  }

  setWindow(window) {
    this.window = window;
    this.draw(this.url(this.at));
  }

  // A page that was left plays no more; a slow picture is waited for.
  tick() {
    if (!this.root.isConnected) this.play();
    else if (!this.busy) this.go((this.at + 1) % this.places.length);
  }

  play() {
    const button = this.find('play');
    const playing = !this.timer && this.root.isConnected;
    clearInterval(this.timer);
    this.timer = playing ? setInterval(() => this.tick(), 1000 / Number(this.find('rate').value)) : null;
    button.setAttribute('aria-pressed', playing);
    button.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    button.firstElementChild.className = playing ? 'bi bi-pause-fill' : 'bi bi-play-fill';
  }
}

htmx.onLoad(content => {
  const root = content.querySelector('[data-stack]');
  if (root) new Stack(root);
});

function filterTags() {
  const input = document.querySelector('[data-tag-filter]');
  if (!input) return;
  const wanted = input.value.trim().toLowerCase().replace(/[(),]/g, '');
  for (const row of document.querySelectorAll('#tag-list tbody tr')) {
    row.hidden = wanted !== '' && !`${row.textContent} ${row.dataset.keyword}`.toLowerCase().replace(/[(),]/g, '').includes(wanted);
  }
}

document.addEventListener('input', event => { if (event.target.matches('[data-tag-filter]')) filterTags(); });
