// Reads the exported marts into the site's data: one packed DuckDB file.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { packSources } from './pack.mjs';

const source = path.resolve('sources/pypi');
const setting = 'EVIDENCE_SOURCE__pypi__filename';
const fallback = '../../../data/exports/pypi.duckdb'; // as in connection.yaml
const marts = path.resolve(source, process.env[setting] ?? fallback);

if (!fs.existsSync(marts)) {
  console.error(`No exported marts at ${marts}: export them first, or set ${setting} to their file.`);
  process.exit(1);
}
fs.rmSync('.evidence/template/static/data', { recursive: true, force: true });
// Evidence joins the name to the source's folder, even an absolute one.
const env = { ...process.env, [setting]: path.relative(source, marts) };
const run = spawnSync('evidence', ['sources', '--strict'], { env, stdio: 'inherit' });
if (run.error) throw run.error;
if (run.status !== 0) process.exit(run.status ?? 1);
await packSources('.evidence/template');
