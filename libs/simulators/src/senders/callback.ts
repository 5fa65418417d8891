/** A vendor's callback, ready to be posted to an integration's inbound address. */
export interface Callback {
  readonly method: 'GET' | 'POST';
  /** Appended to the inbound address; empty for the address itself. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The full address of a callback. */
export function callbackUrl(inboundUrl: string, callback: Callback): URL {
  const url = new URL(callback.path ? `${inboundUrl}/${callback.path}` : inboundUrl);
  for (const [name, value] of Object.entries(callback.query)) url.searchParams.append(name, value);
  return url;
}

/** Posts a callback as the vendor would. */
export async function sendCallback(inboundUrl: string, callback: Callback): Promise<{ status: number; body: string }> {
  const response = await fetch(callbackUrl(inboundUrl, callback), {
    method: callback.method,
    headers: callback.headers,
    ...(callback.method === 'POST' && { body: callback.body }),
  });
  return { status: response.status, body: await response.text() };
}

/** The same callback as a shell command. */
export function toCurl(inboundUrl: string, callback: Callback): string {
  const headers = Object.entries(callback.headers).map(([name, value]) => ` -H ${quote(`${name}: ${value}`)}`);
  const data = callback.method === 'POST' ? ` --data-binary ${quote(callback.body)}` : '';
  return `curl -sS -X ${callback.method} ${quote(callbackUrl(inboundUrl, callback).href)}${headers.join('')}${data}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
