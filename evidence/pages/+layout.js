// In place of Evidence's own file, which starts a database engine in the browser.
export const prerender = true;
export const trailingSlash = 'always';

/** Gives each page the rows of its queries as objects; they travel as lists, without a name at each value. */
export function load({ data }) {
	const queries = Object.fromEntries(
		Object.entries(data.queries).map(([name, { sql, columns, rows }]) => {
			const objects = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
			return [name, Object.assign(objects, { sql, columns })];
		})
	);
	return { ...data, queries };
}
