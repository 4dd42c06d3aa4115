const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** `512 bytes`, `1.5 kB`, `120 MB`: with units of 1024, for people. */
export function sizeText(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const size = bytes / 1024 ** power;
  return `${power === 0 || size >= 10 ? Math.round(size) : Math.round(size * 10) / 10} ${units[power] ?? ''}`;
}
