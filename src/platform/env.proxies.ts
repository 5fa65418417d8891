import { ValidateBy } from 'class-validator';
import ipaddr from 'ipaddr.js';

/** Names that Express has for networks. */
const NAMED = ['loopback', 'linklocal', 'uniquelocal'];

/** `loopback, 10.0.0.0/8` → `['loopback', '10.0.0.0/8']`. A faulty list stays text and fails {@link IsProxies}. */
export function toProxies(text: string): unknown {
  const entries = text.split(',').map((entry) => entry.trim());
  return entries.every(isProxy) ? entries : text;
}

function isProxy(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/');
  if (NAMED.includes(entry)) return true;
  const length = ipaddr.IPv4.isValidFourPartDecimal(address) ? 32 : ipaddr.IPv6.isValid(address) ? 128 : 0;
  const inRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= length);
  return length > 0 && inRange && rest.length === 0;
}

export function IsProxies(): PropertyDecorator {
  return ValidateBy({
    name: 'isProxies',
    validator: {
      validate: (value) => Array.isArray(value),
      defaultMessage: () => `must be IP addresses, networks or ${NAMED.join(', ')}, separated by commas`,
    },
  });
}
