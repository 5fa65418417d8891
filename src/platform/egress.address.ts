import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** All that is routed on the Internet. Outside lie spellings such as `::7f00:1`, which some systems take for 127.0.0.1. */
const GLOBAL = ipaddr.IPv6.parseCIDR('2000::/3');
/** IPv4 behind a translator (RFC 6052): the usual way out of networks that have no IPv4. */
const TRANSLATED = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
/** Public by its number, but answered by the machine it is asked from. Source: Azure, "What is IP address 168.63.129.16". */
const AZURE_AGENT = '168.63.129.16';

/**
 * Whether an address belongs to the public Internet: not private, loopback, link-local, shared, multicast or reserved,
 * and holding no such address in another form.
 */
export function isPublicAddress(text: string): boolean {
  return ipaddr.isValid(text) && isPublic(ipaddr.parse(text));
}

function isPublic(address: Address): boolean {
  const inner = address instanceof ipaddr.IPv6 ? embedded(address) : undefined;
  if (inner) return isPublic(inner);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv6 ? address.match(GLOBAL) : address.toString() !== AZURE_AGENT;
}

/** The IPv4 address that is really called. 6to4 and Teredo are not asked: both are gone, and refused by their range. */
function embedded(address: ipaddr.IPv6): Address | undefined {
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  return address.match(TRANSLATED) ? ipaddr.fromByteArray(address.toByteArray().slice(-4)) : undefined;
}
