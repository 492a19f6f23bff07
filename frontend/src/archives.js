// An unpacking that was just asked for shows in the panel of its archive how far it is.
import htmx from 'htmx.org';

document.addEventListener('unpacking', event => {
  if (document.getElementById('unpacking')) htmx.ajax('GET', event.detail.value, { target: '#unpacking', swap: 'outerHTML' });
});
