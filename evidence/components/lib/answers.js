/** The row of marts.answers for what the reader chose; pages without periods have one of 4 weeks. */
export const answer = (answers, lens, period, subject) => {
	const rows = answers.filter((row) => row.lens === lens.column && (subject == null || row.subject === subject));
	return rows.find((row) => row.period === period.id) ?? rows[0] ?? { sentence: 'Nothing is known yet.', note: '' };
};
