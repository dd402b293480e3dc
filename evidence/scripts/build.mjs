// Builds the site into build/, fails on what Evidence itself lets pass, and makes the pages pass a strict policy.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { protect } from './protect.mjs';

const FALLBACK = '../data/exports/pypi.duckdb';
const marts = path.resolve(process.env.SITE_MARTS ?? FALLBACK);
if (!fs.existsSync(marts)) {
  console.error(`No exported marts at ${marts}: export them first, or set SITE_MARTS to their file.`);
  process.exit(1);
}

// Evidence never empties either folder: pages of removed projects would stay.
fs.rmSync('build', { recursive: true, force: true });
fs.rmSync('.evidence/template', { recursive: true, force: true });

let log = '';
const env = { ...process.env, SITE_MARTS: marts };
const build = spawn('evidence', ['build:strict'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of ['stdout', 'stderr'])
  build[stream].on('data', (chunk) => {
    log += chunk;
    process[stream].write(chunk);
  });
const status = await new Promise((resolve, reject) => build.on('close', resolve).on('error', reject));

// `build:strict` exits with 0 where a page fails; only its log tells.
const errors = new Set(log.split('\n').filter((line) => /Error in |\[ERROR\]|Error:/.test(line)));
if (status !== 0 || errors.size > 0 || !fs.existsSync('build/index.html')) {
  fs.rmSync('build', { recursive: true, force: true });
  console.error(['The site was not built.', ...errors].join('\n'));
  process.exit(1);
}
// Where hosts look for it.
fs.renameSync('build/404/index.html', 'build/404.html');
fs.rmSync('build/404', { recursive: true });
protect('build');
