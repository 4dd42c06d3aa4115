// A chart of the ratios with their goals, on a logarithmic scale: twice as fast is as far to the right as half as fast is to the
// left. It has no background and follows the colour scheme of whoever looks at it.
const width = 940;
const labelWidth = 470;
const barHeight = 14;
const rowHeight = 26;
const top = 46;
const right = 70;
const decades = [0.1, 0.2, 0.5, 1, 2, 5, 10];

const escape = (text) => text.replace(/[&<>`]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '`': '' })[sign]);
const clamp = (value) => Math.min(decades.at(-1), Math.max(decades[0], value));
const plot = width - labelWidth - right;
const x = (value) => labelWidth + (plot * Math.log(clamp(value) / decades[0])) / Math.log(decades.at(-1) / decades[0]);
const at = (value) => value.toFixed(1);

/** Where less is better, the ratio is turned round: further to the right is always better. */
const turned = ({ less }, value) => (less ? 1 / value : value);

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .axis { fill: #59636e; font-size: 11px }
  .grid { stroke: #d1d9e0 }
  .even { stroke: #59636e }
  .goal { stroke: #1f2328; stroke-width: 2 }
  .reached { fill: #1a7f64 }
  .short { fill: #bc6c25 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .axis { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .even { stroke: #9198a1 }
    .goal { stroke: #e6edf3 }
    .reached { fill: #3fb68b }
    .short { fill: #e09f5b }
  }`;

/** @param rows of goalRows: those that are ratios are drawn @returns the text of an SVG file */
export function renderChart(rows) {
  const bars = rows.filter(({ unit, found }) => unit === '×' && found !== undefined);
  const height = top + bars.length * rowHeight + 34;
  const bottom = top + bars.length * rowHeight;
  const spoken = bars.map(({ id, what, value, goal }) => `${id} ${what}: ${value}, goal ${goal}`).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    '<title id="title">Ratios of taskledger and what it is compared with, and their goals</title>',
    `<desc id="desc">${escape(spoken)}</desc>`,
    `<style>${style}\n</style>`,
    `<text class="axis" x="${labelWidth}" y="16">slower or more</text>`,
    `<text class="axis" x="${width - right}" y="16" text-anchor="end">faster or less</text>`,
    ...decades.flatMap((value) => [
      `<line class="${value === 1 ? 'even' : 'grid'}" x1="${at(x(value))}" y1="${top - 8}" x2="${at(x(value))}" y2="${bottom}"/>`,
      `<text class="axis" x="${at(x(value))}" y="${top - 14}" text-anchor="middle">${value} ×</text>`,
    ]),
    ...bars.flatMap((row, i) => bar(row, top + i * rowHeight)),
    `<text class="axis" x="0" y="${bottom + 24}">Bars begin at 1 ×. The upright mark is the goal; green reaches it. Where less is better, the ratio is turned round.</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function bar(row, y) {
  const value = turned(row, row.found);
  const [from, to] = [x(1), x(value)].sort((a, b) => a - b);
  const goal = x(turned(row, row.bound));
  const middle = y + rowHeight / 2;
  return [
    `<text x="${labelWidth - 10}" y="${at(middle + 4)}" text-anchor="end">${escape(`${row.id}  ${row.what}`)}</text>`,
    `<rect class="${row.reached ? 'reached' : 'short'}" x="${at(from)}" y="${at(middle - barHeight / 2)}" width="${at(Math.max(1, to - from))}" height="${barHeight}" rx="2"/>`,
    `<line class="goal" x1="${at(goal)}" y1="${at(middle - 10)}" x2="${at(goal)}" y2="${at(middle + 10)}"/>`,
    `<text x="${width - right + 12}" y="${at(middle + 4)}">${escape(row.value)}</text>`,
  ];
}
