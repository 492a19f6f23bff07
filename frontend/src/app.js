// Everything that a page of the portal runs.
import 'bootstrap';
import htmx from 'htmx.org';
import * as tus from 'tus-js-client';

window.htmx = htmx;
window.tus = tus;
