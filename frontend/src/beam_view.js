// What a beam sees at a control point: jaws, leaves and the targets behind them, in mm at the isocentre.
import { ask, draw, element, rgb } from './svg.js';

export class BeamView {
  constructor(root, config) {
    this.root = root;
    this.config = config;
    this.svg = root.querySelector('[data-view] svg');
    this.slider = root.querySelector('[data-point]');
    this.slider.addEventListener('input', () => this.show());
    root.addEventListener('toggle', () => { if (root.open) this.show(); });
    if (root.open) this.show();
  }

  // Of the points wished for meanwhile only the last is asked for.
  async show() {
    this.root.querySelector('[data-point-said]').textContent = this.slider.value;
    if (this.busy) return;
    this.busy = true;
    let shown;
    while (shown !== this.slider.value) {
      shown = this.slider.value;
      await this.load(shown);
    }
    this.busy = false;
  }

  async load(point) {
    const said = this.root.querySelector('[data-view-said]');
    if (!this.root.dataset.beam) { said.textContent = 'The beam has no number.'; return; }
    const targets = this.config.structures ? `&structures=${this.config.structures}` : '';
    try {
      this.paint(await ask(`/api/v1/files/${this.config.plan}/plan/beams/${this.root.dataset.beam}?point=${point}${targets}`));
      said.textContent = '';
    } catch (error) {
      this.svg.replaceChildren();
      said.textContent = error.message;
    }
  }

  paint({ reach_mm: reach, jaws, leaves, targets }) {
    this.svg.replaceChildren();
    this.svg.setAttribute('viewBox', `${-reach} ${-reach} ${2 * reach} ${2 * reach}`);
    element('rect', { class: 'field', x: -reach, y: -reach, width: 2 * reach, height: 2 * reach }, this.svg);
    // y grows upwards, towards the gantry.
    const view = element('g', { transform: 'scale(1 -1)' }, this.svg);
    for (const [number, outlines] of Object.entries(targets)) {
      const roi = this.config.rois.find(one => one.number === Number(number));
      const color = rgb(roi?.color ?? [200, 0, 0]);
      const target = element('g', { class: 'target', fill: color, 'data-roi': number }, view);
      for (const outline of outlines) element('path', { d: draw(outline, true), stroke: color }, target);
    }
    for (const [x, y, otherX, otherY] of leaves) this.shade(view, 'leaf', reach, Math.min(x, otherX), Math.max(x, otherX), Math.min(y, otherY), Math.max(y, otherY));
    for (const [device, [low, high]] of Object.entries(jaws)) {
      const far = reach * 2;
      if (device.includes('X')) {
        this.shade(view, 'jaw', reach, -far, low, -far, far);
        this.shade(view, 'jaw', reach, high, far, -far, far);
      } else {
        this.shade(view, 'jaw', reach, -far, far, -far, low);
        this.shade(view, 'jaw', reach, -far, far, high, far);
      }
    }
    element('path', { class: 'axis', d: `M${-reach} 0H${reach}M0 ${-reach}V${reach}` }, view);
    const step = reach > 150 ? 50 : reach > 60 ? 20 : 10;
    for (let at = -Math.floor(reach / step) * step; at <= reach; at += step) {
      element('path', { class: 'axis', d: `M${at} ${-reach / 60}V${reach / 60}M${-reach / 60} ${at}H${reach / 60}` }, view);
    }
    const label = element('text', { class: 'label', x: -reach * .96, y: reach * .95, 'font-size': reach / 12 }, this.svg);
    label.textContent = `${step} mm a tick`;
  }

  shade(view, name, reach, left, right, low, high) {
    const [x, y] = [Math.max(left, -reach), Math.max(low, -reach)];
    const [width, height] = [Math.min(right, reach) - x, Math.min(high, reach) - y];
    if (width > 0 && height > 0) element('rect', { class: name, x, y, width, height }, view);
  }
}
