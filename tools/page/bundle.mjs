// Writes src/api/capture_page/jose.js to standard output: the parts of jose that the capture page needs, in one file,
// with its licence. The argument is the folder of modules that tools/setup-tests installs:
//
//     node tools/page/bundle.mjs target/tools/node/node_modules >src/api/capture_page/jose.js

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const modules = resolve(process.argv[2]);
const { build } = await import(pathToFileURL(`${modules}/esbuild/lib/main.js`));
const { version } = JSON.parse(readFileSync(`${modules}/jose/package.json`, 'utf8'));
const licence = readFileSync(`${modules}/jose/LICENSE.md`, 'utf8').trim();
const built = await build({
  entryPoints: [fileURLToPath(new URL('jose.js', import.meta.url))],
  nodePaths: [modules],
  banner: { js: `/*\njose ${version}, made smaller by tools/page/bundle.mjs.\n\n${licence}\n*/` },
  bundle: true,
  format: 'esm',
  minify: true,
  target: 'es2022',
  write: false,
});
process.stdout.write(built.outputFiles[0].text);
