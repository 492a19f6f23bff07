// Bundle the portal's scripts and styles into the Python package.
//
//   node build.mjs           once, for use
//   node build.mjs --watch   again after every change
//
// src/app.js and src/app.css are the entries; everything else is imported by them.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const outdir = here('../src/sinfonietta/static/sinfonietta');

const options = {
  entryPoints: [here('src/app.js'), here('src/app.css')],
  outdir,
  bundle: true,
  minify: true,
  sourcemap: false,
  format: 'iife',
  target: ['es2022', 'chrome109', 'firefox115', 'safari16.4'],
  loader: { '.woff2': 'file', '.woff': 'empty', '.svg': 'file', '.png': 'file' },
  assetNames: '[name]-[hash]',
  legalComments: 'linked',
  logLevel: 'info',
};

rmSync(outdir, { recursive: true, force: true });
if (process.argv.includes('--watch')) {
  const context = await esbuild.context({ ...options, minify: false });
  await context.watch();
} else {
  await esbuild.build(options);
  // The server sends these to browsers that take gzip, which all do.
  for (const name of readdirSync(outdir).filter(name => /\.(js|css)$/.test(name))) {
    writeFileSync(`${outdir}/${name}.gz`, gzipSync(readFileSync(`${outdir}/${name}`), { level: 9 }));
  }
}
