// Contours and dose over images. What is drawn comes from REST; names and figures are text, never markup.
import htmx from 'htmx.org';
import { BeamView } from './beam_view.js';
import { Histogram } from './histogram.js';
import { Stack } from './stack.js';
import { ask, draw, element, rgb } from './svg.js';

const KEPT = 120;
const READY = 'radiotherapy:changed';

// Which structures are shown, for the images and the histogram alike.
export class Chosen {
  constructor(root, rois) {
    this.root = root;
    this.rois = rois;
    this.hidden = new Set();
  }

  has(number) { return !this.hidden.has(number); }

  set(numbers, shown) {
    for (const number of numbers) this.hidden[shown ? 'delete' : 'add'](number);
    this.root.dispatchEvent(new CustomEvent(READY));
  }
}

class Planned extends Stack {
  prepare() {
    this.config = JSON.parse(document.getElementById('radiotherapy-config').textContent);
    this.page = this.root.closest('[data-radiotherapy]');
    this.chosen = this.page.chosen;
    this.svg = this.find('overlay');
    this.kept = new Map();
    this.top = this.config.highest;
    this.levels = this.config.levels;
    this.listRois();
    if (this.config.dose) this.listenToDose();
    else this.find('scale').remove();
    this.page.addEventListener(READY, () => this.switchRois());
    const stage = this.root.querySelector('.stage');
    stage.addEventListener('pointermove', event => this.read(event));
    stage.addEventListener('pointerdown', event => this.read(event));
    stage.addEventListener('pointerleave', () => { this.find('readout').textContent = ''; });
  }

  async draw(url) {
    if (this.config.alone) this.root.dataset.drawn = url;
    else super.draw(url);
    this.overlay();
  }

  url(position) { return this.config.alone ? `#plane-${position}` : super.url(position); }

  // The tags on the page are those of the object that was opened.
  followTags() {}

  drag(start) { if (!this.config.alone) super.drag(start); }

  // As with the image: one slice at a time is asked for, and of those wished for meanwhile only the last.
  async overlay() {
    if (this.laying) return;
    this.laying = true;
    let painted;
    while (painted !== this.key()) {
      painted = this.key();
      const layers = await this.layers(this.at);
      if (painted === this.key()) this.paint(layers);
    }
    this.laying = false;
  }

  key() { return `${this.at}|${this.levels}`; }

  async layers(at) {
    const key = this.key();
    if (this.kept.has(key)) return this.kept.get(key);
    const { structures, dose, alone, spacing_mm } = this.config;
    const { id, frame } = this.places[at];
    const where = alone ? `plane=${at}` : `on=${id}&frame=${frame}${spacing_mm ? `&spacing_mm=${spacing_mm}` : ''}`;
    const [contours, grid] = await Promise.all([
      structures && ask(`/api/v1/files/${structures}/contours?${where}`),
      dose && ask(`/api/v1/files/${dose}/dose?${where}&levels=${this.levels.join(',')}`),
    ].map(wanted => wanted && wanted.catch(error => ({ problem: error.message }))));
    const found = { contours, dose: grid, where };
    if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value);
    if (!contours?.problem && !grid?.problem) this.kept.set(key, found);
    return found;
  }

  paint(layers) {
    const image = layers.contours?.image ?? layers.dose?.image;
    this.svg.replaceChildren();
    this.layer = layers;
    const problem = layers.contours?.problem ?? layers.dose?.problem;
    if (!image) { this.find('readout').textContent = problem ?? ''; return; }
    const [down, across] = image.spacing_mm;
    this.svg.setAttribute('viewBox', `0 0 ${image.columns * across} ${image.rows * down}`);
    const pixels = element('g', { transform: `scale(${across} ${down}) translate(.5 .5)` }, this.svg);
    if (layers.dose?.values) this.paintDose(layers, pixels);
    for (const { roi, kind, points } of layers.contours?.outlines ?? []) this.paintOutline(pixels, roi, kind, points);
    this.root.dataset.painted = this.at;
  }

  paintOutline(pixels, number, kind, points) {
    const roi = this.config.rois.find(one => one.number === number);
    const isPoint = points.length === 2;
    const path = element('path', {
      class: isPoint ? 'outline point' : 'outline', 'data-roi': number, stroke: rgb(roi?.color ?? [255, 255, 255]),
      d: isPoint ? `M${points[0]} ${points[1]}h0` : draw(points, !kind.startsWith('OPEN')),
    }, pixels);
    path.toggleAttribute('hidden', !this.chosen.has(number));
  }

  paintDose({ dose, where }, pixels) {
    const { left, top, step, rows, columns } = dose.values;
    if (this.find('wash').checked && rows && columns) {
      element('image', {
        class: 'wash', href: `/api/v1/files/${this.config.dose}/dose.png?${where}&top=${this.top}`, x: left, y: top,
        width: columns * step, height: rows * step, preserveAspectRatio: 'none', opacity: this.find('opacity').value,
      }, pixels);
    }
    if (!this.find('isodoses').checked) return;
    for (const { level, lines } of dose.isodoses) {
      for (const line of lines) element('path', { class: 'isodose', 'data-level': level, stroke: rgb(this.colorOf(level)), d: draw(line, false) }, pixels);
    }
  }

  // The colours of the scale, as the server's wash has them.
  colorOf(level) {
    const part = Math.min(level / this.top, 1);
    const next = Math.max(1, this.config.stops.findIndex(([stop]) => stop >= part));
    const [[from, before], [to, after]] = [this.config.stops[next - 1], this.config.stops[next]];
    return before.map((channel, n) => Math.round(channel + (after[n] - channel) * (part - from) / (to - from)));
  }

  // The dose under the pointer, between the values around it.
  read(event) {
    const values = this.layer?.dose?.values;
    const image = this.layer?.dose?.image;
    const said = this.find('readout');
    if (!values?.rows) { if (this.config.dose) said.textContent = ''; return; }
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const [column, row] = [x / image.spacing_mm[1] - .5, y / image.spacing_mm[0] - .5];
    const dose = between(values, (column - values.left) / values.step - .5, (row - values.top) / values.step - .5);
    said.textContent = dose === null ? '' : `${dose.toFixed(2)} ${this.config.unit}`;
  }

  listRois() {
    const list = this.find('rois');
    if (!list) return;
    for (const roi of this.config.rois) {
      const item = document.createElement('li');
      const label = document.createElement('label');
      const box = Object.assign(document.createElement('input'), { type: 'checkbox', className: 'form-check-input', checked: true });
      box.dataset.roi = roi.number;
      box.addEventListener('change', () => this.chosen.set([roi.number], box.checked));
      const swatch = document.createElement('span');
      swatch.className = 'swatch';
      swatch.style.background = rgb(roi.color);
      const name = Object.assign(document.createElement('span'), { className: 'roi-name', textContent: roi.name });
      const facts = Object.assign(document.createElement('span'), { className: 'roi-facts', textContent: roi.count ? roi.type.toLowerCase() : 'no contours' });
      const volume = Object.assign(document.createElement('span'), { className: 'roi-volume' });
      volume.dataset.volume = roi.number;
      label.append(box, swatch, name, facts, volume);
      item.append(label);
      list.append(item);
    }
    const numbers = this.config.rois.map(roi => roi.number);
    this.find('all').addEventListener('click', () => this.chosen.set(numbers, true));
    this.find('none').addEventListener('click', () => this.chosen.set(numbers, false));
  }

  switchRois() {
    for (const path of this.svg.querySelectorAll('[data-roi]')) path.toggleAttribute('hidden', !this.chosen.has(Number(path.dataset.roi)));
    for (const box of this.root.querySelectorAll('input[data-roi]')) box.checked = this.chosen.has(Number(box.dataset.roi));
  }

  listenToDose() {
    const repaint = () => { if (this.layer) this.paint(this.layer); };
    for (const name of ['wash', 'isodoses']) this.find(name).addEventListener('change', repaint);
    this.find('opacity').addEventListener('input', () => this.svg.querySelector('.wash')?.setAttribute('opacity', this.find('opacity').value));
    this.find('opacity').value = this.config.opacity;
    const top = this.find('top');
    top.value = Number(this.top.toFixed(2));
    top.addEventListener('change', () => {
      this.top = Number(top.value) > 0 ? Number(top.value) : this.config.highest;
      top.value = Number(this.top.toFixed(2));
      this.showScale();
      repaint();
    });
    const field = this.find('levels');
    const show = levels => { field.value = levels.join(', '); this.setLevels(levels); };
    field.value = this.levels.join(', ');
    field.addEventListener('change', () => {
      const parts = field.value.split(/[,;\s]+/).filter(Boolean).map(Number);
      const wrong = parts.length > 16 || parts.some(level => !(level >= 0));
      field.classList.toggle('is-invalid', wrong);
      field.setAttribute('aria-invalid', wrong);
      if (!wrong) show([...new Set(parts)].sort((one, other) => one - other));
    });
    this.find('levels-reset').addEventListener('click', () => { field.classList.remove('is-invalid'); show(this.config.levels); });
    this.showScale();
    this.showLegend();
  }

  setLevels(levels) {
    this.levels = levels;
    this.showLegend();
    this.overlay();
  }

  showScale() {
    const scale = this.find('scale');
    scale.hidden = false;
    scale.replaceChildren();
    const bar = document.createElement('div');
    bar.className = 'bar';
    bar.style.background = `linear-gradient(to top, ${this.config.stops.map(([stop, color]) => `${rgb(color)} ${stop * 100}%`)})`;
    scale.append(bar);
    for (const part of [0, .25, .5, .75, 1]) {
      const tick = document.createElement('span');
      tick.textContent = part < 1 ? (part * this.top).toPrecision(3) : `${this.top.toPrecision(3)} ${this.config.unit}`;
      tick.style.bottom = `${part * 100}%`;
      scale.append(tick);
    }
    this.showLegend();
  }

  showLegend() {
    const { prescribed } = this.config;
    this.find('legend').replaceChildren(...this.levels.map(level => {
      const item = document.createElement('li');
      const swatch = document.createElement('span');
      swatch.className = 'swatch';
      swatch.style.background = rgb(this.colorOf(level));
      const percent = prescribed ? ` · ${Number((100 * level / prescribed).toPrecision(3))} %` : '';
      item.append(swatch, `${level} ${this.config.unit}${percent}`);
      return item;
    }));
  }
}

function between({ rows, columns, hundredths }, column, row) {
  if (!(column >= -.5 && row >= -.5 && column <= columns - .5 && row <= rows - .5)) return null;
  const [left, top] = [Math.min(Math.max(Math.floor(column), 0), Math.max(columns - 2, 0)), Math.min(Math.max(Math.floor(row), 0), Math.max(rows - 2, 0))];
  const at = (down, across) => hundredths[Math.min(top + down, rows - 1) * columns + Math.min(left + across, columns - 1)];
  const corners = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
  if (corners.some(value => value < 0)) return null;
  const [x, y] = [Math.min(Math.max(column - left, 0), 1), Math.min(Math.max(row - top, 0), 1)];
  return ((corners[0] * (1 - x) + corners[1] * x) * (1 - y) + (corners[2] * (1 - x) + corners[3] * x) * y) / 100;
}

htmx.onLoad(content => {
  const page = content.querySelector('[data-radiotherapy]');
  if (!page) return;
  const config = JSON.parse(document.getElementById('radiotherapy-config').textContent);
  page.chosen = new Chosen(page, config.rois);
  const stage = page.querySelector('[data-planned]');
  if (stage) new Planned(stage);
  const histogram = page.querySelector('[data-histogram]');
  if (histogram) new Histogram(histogram, page, config, READY);
  for (const beam of page.querySelectorAll('[data-beam]')) new BeamView(beam, config);
});
