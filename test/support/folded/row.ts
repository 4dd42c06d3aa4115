type Column = string | number | bigint | Date | null | undefined;

/** A row by its columns, without its slot; a column that is missing is null. Compared as text, times as ISO 8601. */
export type FoldedRow = Readonly<Record<string, Column>>;
