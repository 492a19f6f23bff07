// Transparent pictures over the images of a stack, and the value under the pointer.
import htmx from 'htmx.org';

const PLACE = /^\/files\/([0-9a-f-]+)\/image\.png\?frame=(\d+)/;

class Layers {
  constructor(root) {
    this.root = root;
    this.layer = root.querySelector('[data-layer]');
    this.parts = [...document.querySelectorAll('[data-layer-part]')];
    this.options = [...document.querySelectorAll('[data-layer-option]')];
    // The stack says on its element what it has drawn.
    new MutationObserver(() => this.follow()).observe(root, { attributes: true, attributeFilter: ['data-drawn'] });
    for (const control of [...this.parts, ...this.options]) control.addEventListener('change', () => this.follow());
    const opacity = document.querySelector('[data-layer-opacity]');
    if (opacity && this.layer) {
      const fade = () => { this.layer.style.opacity = opacity.value; };
      opacity.addEventListener('input', fade);
      fade();
    }
    this.follow();
    if (root.dataset.readout) this.readValues();
  }

  get place() {
    const found = PLACE.exec(this.root.dataset.drawn ?? '');
    return found && { image: found[1], frame: found[2] };
  }

  follow() {
    if (!this.place || !this.layer) return;
    const asked = new URLSearchParams(this.place);
    if (this.parts.length) asked.set('on', this.parts.filter(part => part.checked).map(part => part.value).join(','));
    for (const option of this.options) asked.set(option.dataset.layerOption, option.value);
    this.show(`${this.layer.dataset.layer}?${asked}`);
  }

  // What lies over another image is never shown over this one.
  async show(url) {
    if (url === this.wanted) return;
    this.wanted = url;
    this.layer.hidden = true;
    const response = await fetch(url);
    if (this.wanted !== url) return;
    const said = this.root.querySelector('[data-undrawable]');
    if (!response.ok) {
      said.hidden = false;
      said.textContent = (await response.json()).detail;
      return;
    }
    const old = this.layer.src;
    this.layer.src = URL.createObjectURL(await response.blob());
    await this.layer.decode();
    if (old.startsWith('blob:')) URL.revokeObjectURL(old);
    this.layer.hidden = this.wanted !== url;
    this.root.dataset.layered = url;
  }

  readValues() {
    const stage = this.root.querySelector('.stage');
    stage.addEventListener('pointermove', event => { this.at = this.pixel(event); this.read(); });
    stage.addEventListener('pointerleave', () => { this.at = null; this.say(''); });
  }

  // The pixel of the image under the pointer, however large it is shown; null beside it.
  pixel(event) {
    const image = this.root.querySelector('.stage img');
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const across = (event.clientX - box.left - (box.width - width) / 2) / width;
    const down = (event.clientY - box.top - (box.height - height) / 2) / height;
    if (!(across >= 0 && across < 1 && down >= 0 && down < 1)) return null;
    return { row: Math.floor(down * this.root.dataset.rows), column: Math.floor(across * this.root.dataset.columns) };
  }

  // One question at a time; what the pointer passed meanwhile is not asked.
  async read() {
    if (this.asking) return;
    this.asking = true;
    while (this.at && this.place) {
      const [spot, { image, frame }] = [this.at, this.place];
      const own = this.root.dataset.readout === 'self';
      const asked = new URLSearchParams({ frame, ...spot, ...(own ? {} : { image }) });
      const response = await fetch(`/files/${own ? image : this.root.dataset.readout}/value?${asked}`);
      const found = response.ok ? await response.json() : { value: null };
      if (this.at) this.say(found.value === null ? '' : `${Number(found.value.toPrecision(4))} ${found.unit}`);
      if (this.at === spot) break;
    }
    this.asking = false;
  }

  say(text) {
    this.root.querySelector('[data-read]').textContent = text;
  }
}

htmx.onLoad(content => {
  const root = content.querySelector('[data-stack]');
  if (root && (root.querySelector('[data-layer]') || root.dataset.readout)) new Layers(root);
});
