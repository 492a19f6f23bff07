// Copies the address of a node, as others would open it.
import { toast } from './toasts.js';

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS a browser gives no clipboard: the old way, through a field.
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (!done) throw new Error('not copied');
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy-link]');
  if (!button) return;
  const link = new URL(button.dataset.copyLink, location.href).href;
  try {
    await copy(link);
    toast('The link is copied.');
  } catch {
    toast(`The browser did not let us copy it: ${link}`, { problem: true });
  }
});
