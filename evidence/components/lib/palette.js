// One colour for one thing, on every page, by the variables of site.css; each Python keeps its own for life.
// What is old is warm and what is new is cold, and neighbours differ in lightness: readable for the colour-blind, and in grey.
const FIRST = 6; // Python 3.6 and older have the first colour
const AGES = 11;
const age = (place) => `var(--age-${Math.min(Math.max(place, 0), AGES - 1)})`;
const UNKNOWN = 'var(--unknown)';

export function pythonColour(version) {
	const [major, minor] = version.split('.').map(Number);
	if (!(major >= 2)) return UNKNOWN;
	return age(major < 3 ? 0 : minor - FIRST);
}

// Without the palest one, which no line could have.
const VERSIONS = [8, 7, 6, 4, 3, 2, 1, 0];
/** Of a version, the newest having place 0: as for Pythons, cold for new and warm for old. */
export const versionColour = (place) => age(VERSIONS[Math.min(place, VERSIONS.length - 1)]);

/** Of a fixed order of parts, the largest first; from the last one on again from the start. */
const PARTS = 10;
export const partColour = (place) => `var(--part-${place % PARTS})`;

const INSTALLERS = ['pip', 'uv', 'poetry', 'pdm', 'conda', 'pex'];
const layer = (name) => [...INSTALLERS, name].indexOf(name);
/** In the order of their layers. */
export const byInstaller = (a, b) => layer(a) - layer(b) || (a < b ? -1 : 1);
/** All clients but the installers share what colours are left. */
export function installerColour(name) {
	if (name === 'unknown') return UNKNOWN;
	const left = PARTS - INSTALLERS.length;
	const place = layer(name);
	return partColour(place < INSTALLERS.length ? place : place + ([...name].reduce((sum, sign) => sum + sign.codePointAt(0), 0) % left));
}
