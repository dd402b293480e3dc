// Numbers and days as the whole site writes them: days are UTC, and the locale is fixed, so that the built page and
// the browser agree.
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const FORMULA = /^[=+\-@\t\r]/;

export const NONE = '–';
export const DAY = 86_400_000;

const withMinus = (text) => text.replace('-', '−');

/** 9,523; 1.24M from a million on. */
export const count = (value) => (value == null ? NONE : withMinus((Math.abs(value) >= 1e6 ? short : whole).format(value)));
/** For axes: 1.5K. */
export const axisCount = (value) => short.format(value);
export const axisPercent = (value) => `${Math.round(100 * value)}%`;
/** 0.231 as 23.1%; less than 0.05% as <0.1%. */
export const percent = (value, digits = 1) =>
	value == null ? NONE : value > 0 && 100 * value < 0.5 * 10 ** -digits ? `<${10 ** -digits}%` : `${withMinus((100 * value).toFixed(digits))}%`;
/** A change as a percentage with its sign. */
export const change = (value) => {
	if (value == null) return NONE;
	const text = Math.abs(100 * value).toFixed(1);
	return `${text === '0.0' ? '' : value > 0 ? '+' : '−'}${text}%`;
};
/** A difference of counts, with its sign. */
export const difference = (value) => (value == null ? NONE : `${value > 0 ? '+' : value < 0 ? '−' : ''}${count(Math.abs(value))}`);
/** A difference of shares in points. */
export const points = (value) => {
	if (value == null) return NONE;
	const text = Math.abs(100 * value).toFixed(1);
	return text === '0.0' ? 'steady' : `${value > 0 ? '+' : '−'}${text}`;
};

/** A UTC day, written 2026-06-22, in milliseconds. */
export const ms = (day) => (day == null ? null : typeof day === 'number' ? day : Date.parse(day));
const written = (form) => (day) => (day == null ? NONE : form(new Date(ms(day))));
const month = (date) => MONTHS[date.getUTCMonth()];
export const dayLong = written((date) => `${date.getUTCDate()} ${month(date)} ${date.getUTCFullYear()}`);
export const dayMonth = written((date) => `${date.getUTCDate()} ${month(date)}`);
export const dayShort = written((date) => `${date.getUTCDate()} ${month(date).slice(0, 3)}`);
export const monthYear = written((date) => `${month(date).slice(0, 3)} ${date.getUTCFullYear()}`);
export const monthLong = written((date) => `${month(date)} ${date.getUTCFullYear()}`);
export const iso = (day) => (day == null ? '' : new Date(ms(day)).toISOString().slice(0, 10));

/** Each Monday from one to another, so that a week that is not whole is a gap. */
export const weeksBetween = (first, last) =>
	first == null ? [] : Array.from({ length: (ms(last) - ms(first)) / (7 * DAY) + 1 }, (_, i) => iso(ms(first) + 7 * DAY * i));

/** The mean of the seven days up to a row of marts.downloads_trend. */
export const mean = (row, column) => row?.[`mean_7d_${column}`] ?? null;

/** Text for the HTML of a chart's tooltip. */
export const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Rows as CSV; a cell that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csv(rows, columns) {
	const cell = (value) => {
		if (value == null) return '';
		const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
		return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
	};
	return [columns, ...rows.map((row) => columns.map((name) => row[name]))].map((line) => line.map(cell).join(',')).join('\n') + '\n';
}
