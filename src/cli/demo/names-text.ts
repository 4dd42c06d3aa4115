const list = new Intl.ListFormat('en-GB');

/** `ams`, `ams and fra`, `ams, fra and lon`. */
export function namesText(sites: readonly { readonly name: string }[]): string {
  return list.format(sites.map(({ name }) => name));
}
