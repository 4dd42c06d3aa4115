/** A page of docs/reference that is written from the code. */
export interface ReferencePage {
  readonly file: string;
  readonly render: () => Promise<string> | string;
  /** What the page must name, and all it may name. */
  readonly names: () => Promise<readonly string[]> | readonly string[];
  /** Finds the names on the page: one group. */
  readonly named: RegExp;
}

/** The line that says where a page comes from. */
export function writtenFrom(source: string): string {
  return `<!-- Written from ${source} by test/docs-reference.unit.test.ts (UPDATE_DOCS=1); do not edit. -->`;
}

/** Text inside a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
