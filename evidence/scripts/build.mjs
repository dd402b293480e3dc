// Builds the site into build/ and fails on what Evidence itself lets pass.
import { spawn } from 'node:child_process';
import fs from 'node:fs';

// Evidence never empties either folder: pages of removed projects would stay.
fs.rmSync('build', { recursive: true, force: true });
fs.rmSync('.evidence/template/build', { recursive: true, force: true });

let log = '';
const build = spawn('evidence', ['build:strict'], { stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of ['stdout', 'stderr'])
  build[stream].on('data', (chunk) => {
    log += chunk;
    process[stream].write(chunk);
  });
const status = await new Promise((resolve, reject) => build.on('close', resolve).on('error', reject));

// `build:strict` exits with 0 when the SQL of a page is broken; only its log tells.
const errors = new Set(log.split('\n').filter((line) => /Error in |\[ERROR\]/.test(line)));
if (status !== 0 || errors.size > 0) {
  fs.rmSync('build', { recursive: true, force: true });
  console.error(['The site was not built.', ...errors].join('\n'));
  process.exit(1);
}

// The engine for browsers of before 2022, 36 MB.
const assets = 'build/_app/immutable/assets';
for (const file of fs.readdirSync(assets))
  if (/^duckdb-mvp.*\.wasm$/.test(file)) fs.rmSync(`${assets}/${file}`);
