// Runs the queries of each page once, while the site is built, by DuckDB itself, on the exported marts.
import { readFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import preprocess from '@evidence-dev/preprocess';

const METRICS = '../../../docs/metrics.md'; // written from the models
const PARAMETER = /'\$\{params\.(\w+)\}'/g;
let connecting;

async function connect() {
	const instance = await DuckDBInstance.create(':memory:');
	const connection = await instance.connect();
	const marts = process.env.SITE_MARTS.replaceAll("'", "''");
	await connection.run(`ATTACH '${marts}' AS exported (READ_ONLY)`);
	await connection.run('USE exported');
	return connection;
}

/** A value as JSON has it: every date of a mart is a UTC day. */
function plain(value) {
	if (value instanceof Date) return value.toISOString().slice(0, 10);
	return typeof value === 'bigint' ? Number(value) : value;
}

/** The rows of one query; a parameter of the page's address is a parameter of the statement. */
async function run(connection, sql, params) {
	const values = {};
	const text = sql.replace(PARAMETER, (_, name) => {
		values[name] = params[name];
		return `$${name}`;
	});
	const reader = await connection.runAndReadAll(text, values);
	return { sql: sql.trim(), columns: reader.columnNames(), rows: reader.getRowsJS().map((row) => row.map(plain)) };
}

/** Each mart with its description, its grain and its columns, as docs/metrics.md has them. */
async function readDefinitions() {
	const text = await readFile(METRICS, 'utf8');
	const plainText = (words) => words.replaceAll('`', '').replaceAll('\\|', '|').trim();
	return text.split(/^### marts\./m).slice(1).map((section) => {
		const [name, description, grain] = section.split('\n\n');
		const rows = section.match(/^\| `.*\|$/gm) ?? [];
		const columns = rows.map((row) => row.slice(1, -1).split(/(?<!\\)\|/).map(plainText));
		return { name: name.trim(), description: plainText(description), grain: plainText(grain), columns };
	});
}

export async function load({ route, params }) {
	const page = await readFile(`src/pages${route.id ?? ''}/+page.md`, 'utf8').catch(() => '');
	const connection = await (connecting ??= connect());
	const queries = {};
	for (const { id, compiledQueryString } of preprocess.extractQueries(page))
		queries[id] = await run(connection, compiledQueryString, params);
	const definitions = route.id === '/about' ? await readDefinitions() : null;
	return { params, queries, definitions, version: process.env.SITE_VERSION ?? '' };
}
