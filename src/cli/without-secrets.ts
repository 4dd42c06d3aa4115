import { redactUrl } from '../postgres/connection-string.ts';

/** The text with the password of every connection string in it hidden. */
export function withoutSecrets(text: string): string {
  return text.replace(/\bpostgres(?:ql)?:\/\/[^\s"'`<>]+/gi, (url) => redactUrl(url));
}
