const cells = 20;
const parts = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `█████▌               27 %` for a fraction from 0 to 1: always of the same width. */
export function progressBar(fraction: number, width = cells): string {
  const done = Math.min(Math.max(fraction, 0), 1);
  const eighths = Math.floor(done * width * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + (parts[eighths % 8] ?? '');
  return `${bar.padEnd(width)} ${percentText(done).padStart(5)}`;
}

/** `27 %`: only what is done says 100. */
export function percentText(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`;
}
