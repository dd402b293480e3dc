// One colour for one thing, on every page, by the variables of site.css; each Python keeps its own for life.
// Old Pythons are warm and new ones cold, and neighbours differ in lightness: readable for the colour-blind, and in grey.
const PYTHONS = {
	3.7: '#7a2f10', 3.8: '#a8501a', 3.9: '#d98a3a', '3.10': '#efc27d', 3.11: '#cfe0ee',
	3.12: '#93bfe0', 3.13: '#5596cd', 3.14: '#2a6cb0', 3.15: '#143f78'
};
const OLDER = '#52200c';
const NEWER = '#0b2850';
const UNKNOWN = '#b3bac4';

export function pythonColour(version) {
	if (version in PYTHONS) return PYTHONS[version];
	const [major, minor] = version.split('.').map(Number);
	if (!(major >= 2)) return UNKNOWN;
	return major < 3 || minor < 7 ? OLDER : NEWER;
}

/** Of a fixed order of parts, the largest first: blues to greys, then again from the start. */
const PARTS = ['#1d5fb4', '#e0982f', '#08806a', '#7a5fb0', '#c25a3c', '#5aa5d6', '#8a6d1f', '#b04f86', '#4f7f3a', '#5d6875'];
export const partColour = (place) => PARTS[place % PARTS.length];

