/**
 * A language tag and its shorter forms, the longest first: `zh-Hans-CN`, `zh-Hans`, `zh`.
 * Source: RFC 4647, section 3.4 "Lookup".
 */
export function tagForms(tag: string): string[] {
  const parts = tag.split('-');
  return parts.map((_, cut) => parts.slice(0, parts.length - cut).join('-'));
}
