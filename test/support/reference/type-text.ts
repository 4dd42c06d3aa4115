import type { z } from 'zod';

type Described = z.core.JSONSchema.JSONSchema;

/** A JSON schema in a few words, for a cell of a table. */
export function typeText(schema: Described): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map((one) => (typeof one === 'boolean' ? 'anything' : typeText(one))).join(' or ');
  }
  switch (schema.type) {
    case 'string':
      return schema.format === 'date-time' ? 'moment' : 'text';
    case 'integer':
      return `integer${range(schema)}`;
    case 'number':
      return `number${range(schema)}`;
    case 'array':
      return arrayText(schema);
    case 'object':
      return objectText(schema);
    case 'boolean':
    case 'null':
      return schema.type;
    case undefined:
    default:
      return 'any JSON';
  }
}

const isBound = (bound: number | undefined): bound is number =>
  bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;

function range({ minimum, maximum }: Described): string {
  if (isBound(minimum) && isBound(maximum)) return ` ${minimum} … ${maximum}`;
  return isBound(minimum) ? ` from ${minimum}` : isBound(maximum) ? ` up to ${maximum}` : '';
}

function arrayText({ prefixItems, items }: Described): string {
  const text = (item: unknown): string => typeText(item as Described);
  if (prefixItems !== undefined) return `[${prefixItems.map(text).join(', ')}]`;
  return typeof items === 'object' ? `list of ${text(items)}` : 'list';
}

function objectText({ properties = {} }: Described): string {
  const keys = Object.keys(properties);
  return keys.length === 0 ? 'object' : `{ ${keys.join(', ')} }`;
}
