// The dose-volume histogram: asked for, waited for, drawn; its figures as a table.
import { ask, draw, element, rgb } from './svg.js';

const WAIT_MS = 700;
const [LEFT, TOP] = [58, 12];
const FIGURES = [['minimum', 'Min'], ['mean', 'Mean'], ['maximum', 'Max'], ['d98', 'D98 %'], ['d95', 'D95 %'], ['d50', 'D50 %'], ['d2', 'D2 %']];

export class Histogram {
  constructor(root, page, config, changed) {
    this.root = root;
    this.page = page;
    this.config = config;
    this.chosen = page.chosen;
    this.plot = root.querySelector('[data-plot]');
    for (const radio of root.querySelectorAll('[name=rt-volume]')) radio.addEventListener('change', () => this.paint());
    page.addEventListener(changed, () => { if (this.result) this.paint(); });
    this.plot?.addEventListener('pointermove', event => this.read(event));
    this.plot?.addEventListener('pointerleave', () => this.unread());
    this.load();
  }

  say(sentence, progress = null) {
    this.root.querySelector('[data-said]').textContent = sentence;
    const bar = this.root.querySelector('progress');
    bar.hidden = progress === null;
    if (progress !== null) bar.value = progress;
  }

  // 202 answers the job: it is looked after until it has ended, then the result is asked for once more.
  async load() {
    const { opened, structures, dose } = this.config;
    const pair = [['structures', structures], ['dose', dose]].filter(([, uid]) => uid).map(([kind, uid]) => `${kind}=${uid}`);
    const url = `/api/v1/files/${opened === structures || opened === dose ? opened : structures}/histogram?${pair.join('&')}`;
    try {
      let found = await ask(url);
      while (found.state && this.root.isConnected) {
        if (found.state === 'failed' || found.state === 'cancelled') throw new Error(found.detail || 'The job has ended without a result.');
        this.say(found.state === 'queued' ? 'Waiting for a worker …' : found.detail || 'Computing …', found.progress);
        await new Promise(resolve => { setTimeout(resolve, WAIT_MS); });
        found = await ask(found.state === 'succeeded' ? url : `/api/v1/jobs/${found.id}`);
      }
      if (this.root.isConnected) this.show(found);
    } catch (error) {
      this.say(`The histograms cannot be shown: ${error.message}`);
    }
  }

  show(result) {
    this.result = result;
    this.root.querySelector('[data-progress]').hidden = true;
    this.root.querySelector('[data-plotted]').hidden = false;
    for (const roi of result.rois) {
      const volume = this.page.querySelector(`[data-volume="${roi.number}"]`);
      if (volume && roi.volume_cm3 !== null) volume.textContent = cm3(roi.volume_cm3);
    }
    this.paint();
    this.root.dataset.shown = '';
  }

  paint() {
    this.percent = this.root.querySelector('#rt-percent')?.checked ?? false;
    this.curves = this.result.rois.filter(roi => roi.dose.length && this.chosen.has(roi.number));
    if (this.plot) this.paintPlot();
    this.paintFigures();
  }

  paintPlot() {
    this.plot.replaceChildren();
    const [width, height] = window.innerWidth < 600 ? [440, 380] : [760, 380];
    this.plot.setAttribute('viewBox', `0 0 ${width} ${height}`);
    [this.right, this.bottom] = [width - 15, height - 44];
    this.widest = scale(Math.max(1e-6, ...this.result.rois.map(roi => roi.maximum ?? 0)));
    const largest = Math.max(1e-6, ...this.curves.map(roi => roi.volume[0]));
    this.tallest = this.percent ? { top: 100, step: 20 } : scale(largest);
    this.axis(this.widest, at => [this.x(at), this.bottom], false);
    this.axis(this.tallest, at => [LEFT, this.y(at)], true);
    const unit = element('text', { class: 'axis-name', x: this.right, y: this.bottom + 36, 'text-anchor': 'end' }, this.plot);
    unit.textContent = `Dose in ${this.result.unit}`;
    const volume = element('text', { class: 'axis-name', x: -TOP, y: 13, 'text-anchor': 'end', transform: 'rotate(-90)' }, this.plot);
    volume.textContent = this.percent ? 'Volume in %' : 'Volume in cm³';
    for (const roi of this.curves) {
      const points = roi.dose.flatMap((dose, n) => [this.x(dose).toFixed(2), this.y(this.share(roi, roi.volume[n])).toFixed(2)]);
      // To nothing at its largest dose.
      points.push(this.x(roi.dose.at(-1)).toFixed(2), this.y(0).toFixed(2));
      const path = element('path', { class: 'curve', 'data-roi': roi.number, d: draw(points, false), stroke: rgb(roi.color) }, this.plot);
      element('title', {}, path).textContent = roi.name;
    }
    this.cursor = element('path', { class: 'cursor', d: '' }, this.plot);
  }

  x(dose) { return LEFT + (this.right - LEFT) * dose / this.widest.top; }

  y(volume) { return this.bottom - (this.bottom - TOP) * volume / this.tallest.top; }

  share(roi, volume) { return this.percent ? 100 * volume / roi.volume[0] : volume; }

  axis({ top, step }, place, upright) {
    for (let at = 0; at <= top * 1.0001; at += step) {
      const [x, y] = place(at);
      element('path', { class: 'grid', d: upright ? `M${x} ${y}H${this.right}` : `M${x} ${y}V${TOP}` }, this.plot);
      const label = element('text', upright ? { x: x - 7, y: y + 4, 'text-anchor': 'end' } : { x, y: y + 17, 'text-anchor': 'middle' }, this.plot);
      label.textContent = Number(at.toPrecision(6));
    }
  }

  read(event) {
    const { x } = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.plot.getScreenCTM().inverse());
    const dose = (x - LEFT) / (this.right - LEFT) * this.widest.top;
    if (dose < 0 || dose > this.widest.top) { this.unread(); return; }
    this.cursor.setAttribute('d', `M${x} ${TOP}V${this.bottom}`);
    const said = this.curves.map(roi => [roi.name, this.share(roi, volumeAt(roi, dose))]).filter(([, volume]) => volume > .05);
    this.root.querySelector('[data-plot-readout]').textContent = `${dose.toFixed(1)} ${this.result.unit}: ${said.map(([name, volume]) => `${name} ${volume.toFixed(1)}`).join(', ') || 'nothing'}${said.length ? (this.percent ? ' %' : ' cm³') : ''}`;
  }

  unread() {
    this.cursor?.setAttribute('d', '');
    this.root.querySelector('[data-plot-readout]').textContent = '';
  }

  paintFigures() {
    const { unit } = this.result;
    const figures = unit ? FIGURES : [];
    const head = document.createElement('tr');
    for (const name of ['', 'Structure', 'Volume (cm³)', ...figures.map(([, name]) => `${name} (${unit})`), ...(unit ? ['Beyond the dose'] : [])]) {
      head.append(Object.assign(document.createElement('th'), { scope: 'col', textContent: name, className: ['', 'Structure'].includes(name) ? '' : 'num' }));
    }
    this.root.querySelector('[data-figures-head]').replaceChildren(head);
    this.root.querySelector('[data-figures]').replaceChildren(...this.result.rois.map(roi => this.row(roi, figures)));
  }

  row(roi, figures) {
    const row = document.createElement('tr');
    row.dataset.roi = roi.number;
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', className: 'form-check-input', checked: this.chosen.has(roi.number) });
    box.setAttribute('aria-label', `Show ${roi.name}`);
    box.addEventListener('change', () => {
      this.chosen.set([roi.number], box.checked);
      this.root.querySelector(`tr[data-roi="${roi.number}"] input`)?.focus();
    });
    const first = document.createElement('td');
    first.append(box);
    const name = document.createElement('td');
    const swatch = Object.assign(document.createElement('span'), { className: 'swatch' });
    swatch.style.background = rgb(roi.color);
    name.append(swatch, roi.name);
    const figure = text => Object.assign(document.createElement('td'), { className: 'num', textContent: text });
    row.append(first, name, figure(roi.volume_cm3 === null ? '–' : cm3(roi.volume_cm3, '')));
    for (const [key] of figures) row.append(figure(roi[key] === null ? '–' : roi[key].toFixed(2)));
    if (this.result.unit) row.append(figure(roi.outside === null ? '–' : roi.outside > .0005 ? `${(100 * roi.outside).toFixed(1)} %` : ''));
    return row;
  }
}

function volumeAt({ dose, volume }, wanted) {
  const next = dose.findIndex(one => one >= wanted);
  if (next < 0) return 0;
  if (next === 0) return volume[0];
  const part = (wanted - dose[next - 1]) / (dose[next] - dose[next - 1]);
  return volume[next - 1] + (volume[next] - volume[next - 1]) * part;
}

// An axis that ends at or above the largest value, with about five steps of 1, 2 or 5.
function scale(largest) {
  const power = 10 ** Math.floor(Math.log10(largest / 5));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(one => largest / one <= 7);
  return { top: Math.ceil(largest / step - 1e-9) * step, step };
}

const cm3 = (volume, unit = ' cm³') => `${volume >= 100 ? volume.toFixed(0) : Number(volume.toPrecision(3))}${unit}`;
