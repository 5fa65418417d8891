import { ValidateBy } from 'class-validator';

const ENTRY = /^([^/?#@\s\\]+):(\d{1,5}|\*)$/;

/** `Hooks.Corp:8080, [::1]:*` → `hooks.corp:8080`, `[::1]:*`. A faulty list stays text and fails {@link IsReceivers}. */
export function toReceivers(text: string): unknown {
  const entries = text.split(',').map((entry) => readEntry(entry.trim()));
  return entries.includes(undefined) ? text : entries;
}

function readEntry(entry: string): string | undefined {
  const [, host, port] = ENTRY.exec(entry) ?? [];
  // As in the addresses that are compared with it: lower case, and every spelling of an IP address in its usual form.
  const hostname = host && URL.parse(`https://${host}`)?.hostname;
  return hostname && (port === '*' || Number(port) <= 65_535) ? `${hostname}:${port}` : undefined;
}

export function IsReceivers(): PropertyDecorator {
  return ValidateBy({
    name: 'isReceivers',
    validator: {
      validate: (value) => Array.isArray(value),
      defaultMessage: () => 'must be host:port, separated by commas; the port may be *',
    },
  });
}
