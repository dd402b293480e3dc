// Only what the site draws: the whole of ECharts is 1 MB.
import { LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';
import { axisPercent, DAY, escape } from './format.js';

echarts.use([LineChart, ScatterChart, GridComponent, TooltipComponent, MarkLineComponent, MarkAreaComponent, LabelLayout, SVGRenderer]);
export { echarts };

const FONT = 'Inter, system-ui, sans-serif';
const LABEL_WIDTH = 64;
const text = { color: 'var(--faint)', fontSize: 12, fontFamily: FONT };

/** Mondays of a shorter span, first days of months of a longer one, as many as have room. */
function ticks(from, to, width) {
	const room = Math.max(2, Math.floor(width / LABEL_WIDTH));
	const found = [];
	if (to - from < 200 * DAY) {
		const firstDay = Math.ceil(from / DAY) * DAY;
		const firstMonday = firstDay + ((8 - new Date(firstDay).getUTCDay()) % 7) * DAY;
		const step = [1, 2, 4, 8].find((weeks) => (to - from) / (7 * DAY * weeks) <= room) ?? 8;
		for (let day = firstMonday; day <= to; day += 7 * DAY * step) found.push(day);
	} else {
		const step = [1, 2, 3, 6, 12].find((months) => (to - from) / (30.4 * DAY * months) <= room) ?? 12;
		const year = new Date(from).getUTCFullYear();
		for (let month = 0; Date.UTC(year, month) <= to; month += step)
			if (Date.UTC(year, month) >= from) found.push(Date.UTC(year, month));
	}
	// One at the very end would be cut.
	return found.filter((day) => (width * (to - day)) / (to - from || 1) > LABEL_WIDTH / 3);
}

export function timeAxis(from, to, width) {
	const labels = ticks(from, to, width);
	return {
		type: 'time',
		min: from,
		max: to,
		axisLine: { lineStyle: { color: 'var(--line)' } },
		axisTick: { customValues: labels, lineStyle: { color: 'var(--line)' } },
		splitLine: { show: false },
		axisLabel: {
			...text,
			customValues: labels,
			hideOverlap: true,
			formatter: to - from < 200 * DAY ? '{d} {MMM}' : '{MMM} {yyyy}'
		}
	};
}

export const numberAxis = (formatter, more = {}) => ({
	type: 'value',
	min: 0,
	splitNumber: 3,
	axisLine: { show: false },
	axisTick: { show: false },
	splitLine: { lineStyle: { color: 'var(--grid)' } },
	axisLabel: { ...text, formatter },
	...more
});

/** Of shares: to 100% where the largest is near it. */
export const shareAxis = (largest) => numberAxis(axisPercent, largest > 0.75 ? { max: 1, interval: 0.25 } : {});

/** A box of lines; `lines` gives [name, value, colour] of the point, names and values being text of the data. */
export const tooltip = (title, lines) => ({
	trigger: 'axis',
	confine: true,
	transitionDuration: 0,
	backgroundColor: 'var(--surface)',
	borderColor: 'var(--line)',
	padding: [8, 12],
	textStyle: { color: 'var(--ink)', fontSize: 13, fontFamily: FONT },
	axisPointer: { lineStyle: { color: 'var(--faint)', width: 1, type: 'solid' } },
	formatter: (items) => {
		const at = items[0]?.value[0];
		const row = ([name, value, colour]) =>
			`<div class="tip"><span>${colour ? `<i style="background:${colour}"></i>` : ''}${escape(name)}</span><b>${escape(value)}</b></div>`;
		return `<div>${escape(title(at))}</div>${lines(at).map(row).join('')}`;
	}
});

export const line = (name, data, colour, more = {}) => ({
	type: 'line',
	name,
	data,
	showSymbol: data.filter(([, value]) => value != null).length < 2,
	symbolSize: 5,
	connectNulls: false,
	emphasis: { disabled: true },
	lineStyle: { color: colour, width: 2.25 },
	itemStyle: { color: colour },
	z: 3,
	...more
});

const NARROW = 500;
const LONGEST_NAME = 24;
const shortened = (name) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name);

/** Writes what a line is at its end, in place of a legend. */
export const named = (name, value = '') => ({
	endLabel: { show: true, formatter: () => `${shortened(name)} ${value}`.trim(), ...text, color: 'var(--ink)', distance: 6, lineHeight: 16 },
	labelLayout: { moveOverlap: 'shiftY' }
});
/** The room that such names need to the right of a chart. */
export const roomFor = (names) => 18 + 7 * Math.max(0, ...names.map((name) => shortened(name).length));
/** Whether a chart is too narrow for names beside its lines. */
export const isNarrow = (width) => width < NARROW;

export const grid = { left: 4, right: 12, top: 26, bottom: 4, containLabel: true };

/** Dashed lines with a label where there is room for one; `marks` are { at, text, quiet }. */
export function markLine(marks, from, to, width) {
	const placed = [];
	const labelled = new Set();
	for (const mark of [...marks].sort((a, b) => a.quiet - b.quiet || b.at - a.at)) {
		const x = ((mark.at - from) / (to - from || 1)) * width;
		const room = 12 + 7 * mark.text.length;
		if (mark.quiet || placed.some(([at, other]) => Math.abs(at - x) < (room + other) / 2)) continue;
		placed.push([x, room]);
		labelled.add(mark);
	}
	return {
		symbol: 'none',
		silent: true,
		data: marks.map((mark) => ({
			xAxis: mark.at,
			lineStyle: { color: mark.quiet ? 'var(--line)' : 'var(--faint)', type: [3, 3], width: 1 },
			label: { ...text, show: labelled.has(mark), formatter: () => mark.text, position: 'end', color: 'var(--soft)', distance: 4 }
		}))
	};
}

/** Days in the background: `bands` are { day, colour }. */
export const markArea = (bands) => ({
	silent: true,
	data: bands.map(({ day, colour }) => [{ xAxis: day - DAY / 2, itemStyle: { color: colour } }, { xAxis: day + DAY / 2 }])
});
