import { writeFileSync } from 'node:fs';
import { goalRows } from '../goals.js';
import { renderChart } from './chart.js';
import { chartFile, pageFile, renderPage } from './page.js';
import { readResults } from './read-results.js';

/** @returns path in the repository → what it must contain */
export function renderAll() {
  const results = readResults();
  return { [pageFile]: renderPage(results), [chartFile]: renderChart(goalRows(results)) };
}

/** @returns the paths written */
export function writePage() {
  const files = renderAll();
  for (const [path, text] of Object.entries(files)) writeFileSync(new URL(`../../${path}`, import.meta.url), text);
  return Object.keys(files);
}
