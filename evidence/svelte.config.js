// Evidence reads the pages and runs the build; its runtime, with a database engine of 34 MB, stays out of the site.
// Read in .evidence/template, before SvelteKit lists the routes.
import fs from 'node:fs';
import path from 'node:path';

const EVIDENCES_OWN = ['explore', 'settings', 'api', 'fix-tprotocol-service-worker.js'];
for (const route of EVIDENCES_OWN) fs.rmSync(`src/pages/${route}`, { recursive: true, force: true });
fs.copyFileSync('../../app.html', 'src/app.html');
// Evidence copies pages while the build begins already: these may come too late.
for (const file of ['+layout.js', '+layout.server.js', '+layout.svelte', '+error.svelte'])
	fs.copyFileSync(`../../pages/${file}`, `src/pages/${file}`);

/** Replaces what Evidence generates around a page's queries: their rows come from pages/+layout.server.js. */
const pageWithoutRuntime = {
	markup({ content, filename }) {
		if (!filename?.endsWith('+page.md')) return;
		const viewers = /{#if \w+ }\s*<QueryViewer[^]*?\/>\s*{\/if}/g;
		const head = /<svelte:head>\s*<!-- Title has a default case[^]*?<\/svelte:head>/;
		return { code: content.replace(viewers, '').replace(head, '') };
	},
	script({ content, filename, attributes, markup }) {
		if (!filename?.endsWith('+page.md') || attributes.context === 'module') return;
		const used = new Set(Array.from(markup.matchAll(/<([A-Z]\w*)/g), ([, name]) => name));
		const components = [...used].filter((name) => fs.existsSync(`../../components/${name}.svelte`));
		const queries = Array.from(content.matchAll(/let (\w+)InitialStates/g), ([, name]) => name);
		return {
			code: [
				...components.map((name) => `import ${name} from '$site/${name}.svelte';`),
				'export let data;',
				'$: params = data.params;',
				`$: ({ ${queries.join(', ')} } = data.queries);`
			].join('\n')
		};
	}
};

// Evidence reads this module once for the server's half of the build and once for the browser's, and deletes
// `preprocess` after the first: what is inherited stays, and what cannot be enumerated is not merged twice.
const lasting = { kit: { alias: { $site: path.resolve('../../components') } } };
Object.defineProperty(lasting, 'preprocess', { value: [pageWithoutRuntime] });
export default Object.create(lasting);
