/** @throws Error naming the option when something is wanted that is not known */
export function requireSome(option, wanted, known) {
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`${option}: expected some of ${known.join(', ')}; found ${unknown.join(', ')}`);
}
