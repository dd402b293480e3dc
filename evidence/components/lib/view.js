// What the reader chose, kept in the address: ?lens=outside-ci&period=4w. The built page shows the defaults.
import { getContext, setContext } from 'svelte';
import { get, writable } from 'svelte/store';
import { replaceState } from '$app/navigation';
import { base } from '$app/paths';

/** As sqlmesh/seeds/lenses.csv has them. */
export const LENSES = [
	{ id: 'all', column: 'downloads', label: 'All', words: 'All downloads' },
	{ id: 'without-mirrors', column: 'downloads_without_mirrors', label: 'Without mirrors', words: 'Downloads without mirrors' },
	{ id: 'installers', column: 'downloads_by_installers', label: 'By installers', words: 'Downloads by installers' },
	{ id: 'outside-ci', column: 'downloads_outside_ci', label: 'Outside CI', words: 'Downloads by installers outside CI' }
];
export const PERIODS = [
	{ id: '4w', days: 28, label: '4 weeks' },
	{ id: '13w', days: 91, label: '13 weeks' },
	{ id: '52w', days: 364, label: '52 weeks' }
];

const DEFAULTS = { lens: 'installers', period: '13w', q: '', sort: '', drop: '', projects: '', measure: 'downloads', month: '' };
const ALLOWED = {
	lens: LENSES.map((lens) => lens.id),
	period: PERIODS.map((period) => period.id),
	measure: ['downloads', 'index', 'share']
};
const LONGEST = 500;
const KEY = 'view';

/** What an address says; what it does not know stays at its default. */
export function parse(query) {
	const given = new URLSearchParams(query);
	const view = { ...DEFAULTS };
	for (const name of Object.keys(DEFAULTS)) {
		const value = given.get(name);
		if (value !== null && value.length <= LONGEST && (ALLOWED[name]?.includes(value) ?? true)) view[name] = value;
	}
	return view;
}

/** The query string of a view, without its defaults. */
export function search(view, names = Object.keys(DEFAULTS)) {
	const given = new URLSearchParams(names.filter((name) => view[name] !== DEFAULTS[name]).map((name) => [name, view[name]]));
	return given.size ? `?${given}` : '';
}

export function createView() {
	const store = writable({ ...DEFAULTS });
	const view = {
		subscribe: store.subscribe,
		/** Number of days of data, which tells the periods of use; 0 until a page has said so. */
		loaded: writable(0),
		read: () => store.set(parse(location.search)),
		choose(changes) {
			store.update((old) => ({ ...old, ...changes }));
			// SvelteKit's own: it fetches nothing and loads nothing again.
			replaceState(location.pathname + search(get(store)) + location.hash, {});
		}
	};
	setContext(KEY, view);
	return view;
}

/** From the context: a module would be another one for a page than for its layout. */
export const useView = () => getContext(KEY);
export const lensOf = (view) => LENSES.find((lens) => lens.id === view.lens);
export const periodOf = (view) => PERIODS.find((period) => period.id === view.period);
/** A link inside the site, which keeps lens and period. */
export const link = (path, view) => base + path + search(view, ['lens', 'period']);
export const lensColour = (lens) => `var(--c-${lens.id})`;
export const projectPath = (project, page = '') => `/projects/${encodeURIComponent(project)}/${page}`;
/** Lenses in the words of a sentence: downloads outside CI. */
export const inSentence = (lens) => lens.words[0].toLowerCase() + lens.words.slice(1);
