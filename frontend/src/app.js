// Everything that a page of the portal runs.
import 'bootstrap';
import htmx from 'htmx.org';
import './archives.js';
import './dialogs.js';
import './keys.js';
import './layers.js';
import './links.js';
import './pages.js';
import './radiotherapy.js';
import './selection.js';
import './sharing.js';
import './stack.js';
import './toasts.js';
import './uploads.js';

window.htmx = htmx;
