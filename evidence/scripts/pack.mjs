// Packs the Parquet files of `evidence sources` into one DuckDB file a source.
// The browser engine attaches such a file; for Parquet it would download an extension from a foreign host.
import { DuckDBInstance } from '@duckdb/node-api';
import fs from 'node:fs';
import path from 'node:path';

const types = { number: 'DOUBLE', string: 'VARCHAR', date: 'TIMESTAMP', boolean: 'BOOLEAN' };
const identifier = (name) => `"${name.replaceAll('"', '""')}"`;
const literal = (text) => `'${text.replaceAll("'", "''")}'`;

/** A source query without rows leaves no Parquet file, only its schema. */
function emptyColumns(parquet) {
  const schema = JSON.parse(fs.readFileSync(parquet.replace(/parquet$/, 'schema.json'), 'utf8'));
  return schema.map((column) => `${identifier(column.name)} ${types[column.evidenceType]}`).join(', ');
}

/** Replaces each source's Parquet files under `template` and names the packed file in the manifest. */
export async function packSources(template) {
  const manifestFile = path.join(template, 'static/data/manifest.json');
  const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
  for (const [source, urls] of Object.entries(manifest.renderedFiles)) {
    const packed = `static/data/${source}/packed/${source}.duckdb`;
    const file = path.join(template, packed);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const instance = await DuckDBInstance.create(':memory:');
    const db = await instance.connect();
    // The browser engine is DuckDB 1.4: it reads no newer storage.
    await db.run(`ATTACH ${literal(file)} AS packed (STORAGE_VERSION 'v1.4.0', BLOCK_SIZE 16384)`);
    for (const url of urls) {
      const parquet = path.join(template, url);
      const table = `packed.main.${identifier(path.basename(url, '.parquet'))}`;
      await db.run(
        fs.existsSync(parquet)
          ? `CREATE TABLE ${table} AS FROM read_parquet(${literal(parquet)})`
          : `CREATE TABLE ${table} (${emptyColumns(parquet)})`
      );
      fs.rmSync(path.dirname(parquet), { recursive: true }); // else the build would copy it to the site
    }
    await db.run('DETACH packed');
    db.closeSync();
    instance.closeSync();
    manifest.renderedFiles[source] = [packed];
    console.log(`${source}: ${urls.length} tables in ${fs.statSync(file).size} bytes`);
  }
  fs.writeFileSync(manifestFile, JSON.stringify(manifest));
}
